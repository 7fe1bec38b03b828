"""What every panel is, and the panel that trains; labs have their own."""

from tutorial_lib.panels import controls
from tutorial_lib.panels.cells import replace_previous
from tutorial_lib.panels.code_box import CodeShelf
from tutorial_lib.panels.live import LivePanel
from tutorial_lib.panels.main_thread import MainThread
from tutorial_lib.panels.measure import MeasurePanel
from tutorial_lib.panels.play import Draw, PlayPanel
from tutorial_lib.panels.training import TrainingPanel

"""Do we compute what MindSpore computed?"""

// The update rules of the optimizers, each for one weight: what optimizers.py writes out in Python.
(function () {
  "use strict";

  const playing = (window.playing = window.playing || {});

  // rule(weight, gradient, memory, settings) returns the new weight, and what is remembered after it.
  const TABLE = {
    sgd: {
      role: 1,
      memory: "",
      rule: (weight, gradient, _, { learning_rate }) => [weight - learning_rate * gradient],
    },
    momentum: {
      role: 2,
      memory: "v",
      momentum: "mu",
      rule(weight, gradient, [before], { learning_rate, momentum }) {
        const velocity = momentum * before + gradient;
        return [weight - learning_rate * velocity, velocity];
      },
    },
    nesterov: {
      role: 3,
      memory: "v",
      momentum: "mu",
      rule(weight, gradient, [before], { learning_rate, momentum }) {
        const velocity = momentum * before + gradient;
        return [weight - learning_rate * (gradient + momentum * velocity), velocity];
      },
    },
    adagrad: {
      role: 7,
      memory: "s",
      is_adaptive: true,
      rule(weight, gradient, [before], { learning_rate, epsilon = 1e-10 }) {
        const square_sum = before + gradient * gradient;
        return [weight - (learning_rate * gradient) / (Math.sqrt(square_sum) + epsilon), square_sum];
      },
    },
    rmsprop: {
      role: 4,
      memory: "s",
      is_adaptive: true,
      rule(weight, gradient, [before], { learning_rate, alpha = 0.99, epsilon = 1e-8 }) {
        const average = alpha * before + (1 - alpha) * (gradient * gradient);
        return [weight - (learning_rate * gradient) / (Math.sqrt(average) + epsilon), average];
      },
    },
    adam: { role: 5, memory: "ms", momentum: "beta1", is_adaptive: true, rule: adam },
    adamw: {
      role: 6,
      memory: "ms",
      momentum: "beta1",
      is_adaptive: true,
      rule(weight, gradient, before, settings) {
        const { learning_rate, weight_decay = 0.01 } = settings;
        return adam(weight * (1 - learning_rate * weight_decay), gradient, before, settings);
      },
    },
  };

  function adam(weight, gradient, before, settings) {
    const { learning_rate, momentum: beta1, step, beta2 = 0.999, epsilon = 1e-8 } = settings;
    const mean = beta1 * before[0] + (1 - beta1) * gradient;
    const square_average = beta2 * before[1] + (1 - beta2) * (gradient * gradient);
    const mean_hat = mean / (1 - beta1 ** step);
    const square_hat = square_average / (1 - beta2 ** step);
    const moved = (learning_rate * mean_hat) / (Math.sqrt(square_hat) + epsilon);
    return [weight - moved, mean, square_average];
  }

  /**
   * Take one step by the rule of that name.
   *
   * `memory` is a number for each symbol of its entry's `memory`; `settings` are learning_rate,
   * momentum, weight_decay and step, which counts from 1. Returns [new weight, new memory].
   */
  function apply(name, weight, gradient, memory, settings) {
    const [after, ...remembered] = TABLE[name].rule(weight, gradient, memory, settings);
    return [after, remembered];
  }

  /** Return the names of the optimizers of which something holds, as words. */
  function namesInWords(holds) {
    return playing.words.listed(Object.keys(TABLE).filter((name) => holds(TABLE[name])));
  }

  /** What momentum is to whom, in words. */
  function momentumWords() {
    const of = (what) => namesInWords((optimizer) => optimizer.momentum === what);
    return `mu of ${of("mu")}, beta1 of ${of("beta1")}.`;
  }

  playing.optimizers = { table: TABLE, apply, namesInWords, momentumWords };
})();

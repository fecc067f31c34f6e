"""Which input dimension each step of a training takes, and what its penalty is.

Trained at n alone, most hypernetworks of many inputs end in an algorithm that is not the best one at their β: whether a
neuron serves one side of an input or both is settled within a few hundred steps. At few inputs the best one is found
nearly always, and networks of any n share their hypernetwork. So in the first part of a training, the curriculum,
smaller dimensions take turns with n, a step each; then n goes on, with a small dimension every so many steps, lest
what carries over to other dimensions be forgotten.

Nats grow as the number of weights, n², and the penalty with them: by the recipe's penalty_power p a small dimension k
takes β (n / k)^p, so that it prefers the algorithm that is best at n. And β itself may begin below its value, rise
beyond it during the curriculum, and come back in as many steps: the low start leads out of convexity, where trainings
begin and which is not given up easily, and the high middle ends an algorithm that has become too complex.
docs/training.md has what was measured.
"""

from functools import lru_cache

from trainables.recipe import Recipe

SMALLER = (0.25, 0.5)  # dimensions of the curriculum, as shares of n
SMALLEST = 2  # one input alone has no sides to agree on with others


class Curriculum:
    """The steps, counted from 1, of a training at n = `dimension`: the same for all members of a pack, in lockstep.

    dimensions: all that are trained, ascending.
    """

    def __init__(self, recipe: Recipe, dimension: int):
        self.own, self.steps = dimension, recipe.steps
        self.always = [dimension, *(n for n in recipe.dimensions if n != dimension)]
        self.small = smaller(dimension) if recipe.curriculum or recipe.rehearsal else []
        self.until = round(recipe.curriculum * recipe.steps)  # the curriculum's last step
        self.rehearsal = recipe.rehearsal
        self.first, self.highest, self.power = recipe.first_penalty, recipe.highest_penalty, recipe.penalty_power
        self.dimensions = sorted({*self.always, *self.small})

    def dimension(self, step: int) -> int:
        """Input dimension that the step takes."""
        cycle, k = self.always, step - 1
        if step <= self.until:
            cycle = [*self.always, *self.small]
        elif self.rehearsal and self.small and step % self.rehearsal == 0:
            cycle, k = self.small, step // self.rehearsal
        return cycle[k % len(cycle)]

    def penalty(self, step: int) -> float:
        """What the step multiplies every β by."""
        scale, done = 1.0, (step - 1) / self.until if self.until else 2.0
        if done < 1:
            scale = self.first ** (1 - done) * self.highest**done
        elif done < 2:
            scale = self.highest ** (2 - done)
        k = self.dimension(step)
        return scale * (self.own / k) ** self.power if k in self.small else scale


def smaller(dimension: int) -> list[int]:
    """The curriculum's dimensions below n, ascending: none for n ≤ 2."""
    sizes = {max(SMALLEST, round(share * dimension)) for share in SMALLER}
    return sorted(n for n in sizes if n < dimension)


@lru_cache
def mean_edges(recipe: Recipe, dimension: int) -> float:
    """Weights n · m of a drawn network, on average over the steps: what a step costs grows with it."""
    curriculum = Curriculum(recipe, dimension)
    taken = [curriculum.dimension(step) for step in range(1, recipe.steps + 1)]
    return sum(taken.count(n) * n * recipe.hidden(n) for n in curriculum.dimensions) / recipe.steps

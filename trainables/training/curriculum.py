"""Which input dimension each step of a training takes, and what its penalty is.

Trained at n alone, most hypernetworks of many inputs end in an algorithm that is not the best one at their β: whether a
neuron serves one side of an input or both is settled within a few hundred steps. At few inputs the best one is found
nearly always, and networks of any n share their hypernetwork. So in the first part of a training, the curriculum,
smaller dimensions take turns with n, a step each; then n goes on. Near the end, when the algorithm is settled, a small
dimension comes up again every so many steps, with a small weight: many hypernetworks draw equally well at n and differ
elsewhere, and it takes little to keep to those that carry over.

Fewer inputs favour more complex algorithms, so a small dimension k takes more than β: small_penalty times (n / k)^p,
with the recipe's penalty_power p. And β itself may begin below its value, rises slowly beyond it, stays there, and
comes back: a low start leads out of convexity, where trainings begin and which is not given up easily, and
the high middle ends an algorithm that has become too complex. docs/training.md has what was measured.
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
        self.recipe = recipe
        self.until = round(recipe.curriculum * recipe.steps)  # the curriculum's last step
        self.risen = round(recipe.penalty_risen * recipe.steps) or self.until  # the last below the highest penalty
        self.held = max(self.risen, round(recipe.penalty_held * recipe.steps))  # the last of the highest penalty
        self.back = round(recipe.penalty_back * recipe.steps) or 2 * self.until  # the last at more than β
        self.dimensions = sorted({*self.always, *self.small})

    def dimension(self, step: int) -> int:
        """Input dimension that the step takes."""
        cycle, k = self.always, step - 1
        if step <= self.until:
            cycle = [*self.always, *self.small]
        elif self._rehearses(step):
            cycle, k = self.small, step // self.recipe.rehearsal
        return cycle[k % len(cycle)]

    def penalty(self, step: int) -> float:
        """What the step multiplies every β by."""
        recipe, before, scale = self.recipe, step - 1, 1.0
        if self.until and before < self.risen:
            risen = before / self.risen
            scale = recipe.first_penalty ** (1 - risen) * recipe.highest_penalty**risen
        elif self.until and before < self.back:
            fallen = max(0, before - self.held) / max(1, self.back - self.held)
            scale = recipe.highest_penalty ** (1 - fallen)
        k = self.dimension(step)
        return scale * recipe.small_penalty * (self.own / k) ** recipe.penalty_power if k in self.small else scale

    def weight(self, step: int) -> float:
        """What the step multiplies its objective by."""
        return self.recipe.rehearsal_weight if step > self.until and self._rehearses(step) else 1.0

    def _rehearses(self, step: int) -> bool:
        recipe = self.recipe
        every = recipe.rehearsal if self.small and step > recipe.rehearsal_from * recipe.steps else 0
        return bool(every) and step % every == 0


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

from dataclasses import dataclass
@dataclass(frozen=True, eq=False)
class Explanation:
    dimension: int; activation: str; structure: object; types: tuple; groups: tuple; slopes: tuple; offset: float
    constants: int; r_squared: float; r_squared_at_twice_the_scale: float; mean: float; variance: float

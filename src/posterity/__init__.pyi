"""Names of the front door with their types; the module itself imports them when they are used."""

from posterity.front.measuring import Measurement as Measurement
from posterity.front.measuring import degrade as degrade
from posterity.front.priors import prior as prior
from posterity.front.restorations import Restorations as Restorations
from posterity.front.restoring import restore as restore
from posterity.front.verifying import verify as verify

__version__: str

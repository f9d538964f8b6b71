"""HTTP routes of users, gathered from its rooms."""

from apiflask import APIBlueprint

from users.accounts import api as accounts
from users.appointments import api as appointments
from users.codes import api as codes
from users.consents import api as consents
from users.contacts import api as contacts
from users.erasure import api as erasure
from users.export import api as export
from users.finding import api as finding
from users.handovers import api as handovers
from users.helpers import api as helpers
from users.households import api as households
from users.imports import api as imports
from users.institutions import api as institutions
from users.members import api as members
from users.monitoring import api as monitoring
from users.organisations import api as organisations
from users.places import api as places
from users.profile import api as profile
from users.proofs import api as proofs
from users.regions import api as regions
from users.reveals import api as reveals
from users.second_factor import api as second_factor
from users.self_reports import api as self_reports
from users.sessions import api as sessions
from users.transfers import api as transfers
from users.visits import api as visits

api = APIBlueprint("users", __name__)
register = (households, members, monitoring, finding, reveals, transfers, institutions, visits, places, consents, handovers, self_reports)
own = (profile, erasure, export)
for part in (regions, accounts, *own, sessions, second_factor, appointments, *register, helpers, imports, organisations, *proofs.parts):
    api.register_blueprint(part.api, url_prefix="/v1")
# No route leads to the doors from outside.
for door in (codes, contacts):
    api.register_blueprint(door.api, url_prefix="/internal")

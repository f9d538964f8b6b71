"""Hand-over slips, printed by the village and confirmed without an account; labels for the giver's parcel."""

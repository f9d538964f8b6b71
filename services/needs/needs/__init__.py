"""The service of needs: needs of households and pledges of givers."""

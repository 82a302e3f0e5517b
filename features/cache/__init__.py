"""Features on disk: whole and made from exactly this, or not used."""

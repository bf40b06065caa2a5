"""The register of unemployed people: a district's spreadsheet into the database, row by row."""

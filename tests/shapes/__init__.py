"""An app of the tests: models of many kinds, to make live queries of many shapes."""

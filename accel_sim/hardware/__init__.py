"""The hwconfig: schema, loading, rules, built-ins."""

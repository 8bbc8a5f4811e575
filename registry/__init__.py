"""The catalog: units, schedules, suites as data, orders and where their ids are, checkpoints and what is known of them."""

package main

import (
	"bytes"

	"github.com/kitout/kitout/generator/lock"
)

// writeRequirements makes a requirements file with hashes of everything that the requirements reach.
func writeRequirements(table *lock.Table, path string, requirements []string) ([]byte, error) {
	pins, err := table.Closure(requirements)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	header := "# " + path + ": every package that this repository installs, pinned and hashed; `make update` renews it."
	if err := lock.Requirements(&out, header, pins); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

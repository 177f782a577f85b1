package lock

import "strings"

// Project is what Pipfile.lock and poetry.lock are made for: unlike requirements they depend on the manifest beside them.
type Project struct {
	Runtime     []string // bare requirements ("psycopg[binary]"), in the manifest's order
	Development []string // the same for the group "dev"
	Index       string   // the URL of the one index that the manifest names; empty: it names none
}

// IndexName is what a manifest calls the index that it names.
const IndexName = "packages"

// Requirement returns a bare requirement with the table's version as its lower bound, as manifests have it:
// "psycopg[binary]>=3.3.9". The errors are those of Closure.
func (t *Table) Requirement(bare string) (string, error) {
	name, _, err := splitRequirement(bare)
	if err != nil {
		return "", err
	}
	version, found := t.Version(name)
	if !found {
		return "", &UnknownPackageError{Name: name}
	}
	return bare + ">=" + version, nil
}

// Python returns the range of Python versions that the table was resolved for, as a Requires-Python: ">=3.12,<3.15".
func (t *Table) Python() string {
	_, after, _ := strings.Cut(t.text, "\npython ")
	value, _, _ := strings.Cut(after, "\n")
	return value
}

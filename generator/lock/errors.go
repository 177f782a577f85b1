package lock

import "fmt"

// UnknownPackageError is a requirement that the table does not cover: a package that was never resolved, or an extra
// of one that was resolved without it.
type UnknownPackageError struct {
	Name string // as a requirement spells it, with the extra: "django" or "psycopg[c]"
}

// Error says what is missing and how the maintainer adds it.
func (e *UnknownPackageError) Error() string {
	return fmt.Sprintf("the package table has no %s: add it to generator/lock/union.in and run `make refresh-packages`", e.Name)
}

// RequirementError is a requirement that is not of the form "name" or "name[extra,extra]". Versions belong to the
// table, so a version specifier is such an error too.
type RequirementError struct {
	Text string
}

// Error quotes the requirement and shows the form.
func (e *RequirementError) Error() string {
	return fmt.Sprintf("requirement %q: want a name such as \"django\" or \"psycopg[binary,pool]\", without a version", e.Text)
}

// TableError is a fault in the table's text.
type TableError struct {
	Line    int // counted from 1
	Problem string
}

// Error names the line.
func (e *TableError) Error() string {
	return fmt.Sprintf("package table, line %d: %s", e.Line, e.Problem)
}

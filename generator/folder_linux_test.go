package generator

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestUmaskChangesNothing(t *testing.T) {
	var found []map[string]string
	for _, umask := range []int{0o022, 0o077, 0} {
		old := syscall.Umask(umask)
		fresh := filepath.Join(t.TempDir(), "shop")
		errFresh := writeTo(t, fresh, Fail)
		existing := t.TempDir()
		errExisting := writeTo(t, existing, Fail)
		syscall.Umask(old)
		must(t, errors.Join(errFresh, errExisting))
		for _, dir := range []string{fresh, existing} {
			files := snapshot(t, dir)
			files[".env"], _, _ = strings.Cut(files[".env"], "=")
			delete(files, ".") // one that exists keeps its mode
			found = append(found, files)
		}
	}
	for _, files := range found[1:] {
		wantSame(t, files, found[0])
	}
}

func TestReadOnlyParent(t *testing.T) {
	parent := readOnly(t)
	before := snapshot(t, parent)
	for _, dir := range []string{filepath.Join(parent, "shop"), filepath.Join(parent, "a", "shop"), parent} {
		wantError(t, writeTo(t, dir, Fail), dir+": ", "read-only file system")
	}
	wantSame(t, snapshot(t, parent), before)
}

func TestFullDisk(t *testing.T) {
	for _, pages := range []string{"4k", "12k", "24k"} { // the first page is the file system's root
		parent := mount(t, "size="+pages)
		for _, dir := range []string{filepath.Join(parent, "shop"), parent} {
			before := snapshot(t, parent)
			wantError(t, writeTo(t, dir, Fail), dir+": ", "no space left on device")
			wantSame(t, snapshot(t, parent), before)
		}
	}
}

// mount gives a small file system in memory, for this test only.
func mount(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("kitout-test", dir, "tmpfs", 0, options); err != nil {
		t.Skip("needs the right to mount: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func readOnly(t *testing.T) string {
	t.Helper()
	dir := mount(t, "size=64k")
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skip("needs the right to remount: ", err)
	}
	return dir
}

package generator

import (
	"errors"
	"os"
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

// TestFullDiskInPlace fills a disk but for a few pages: what does not fit is taken back.
func TestFullDiskInPlace(t *testing.T) {
	const rounds = 40
	fits := 0
	for pages := range int64(rounds) {
		dir := mount(t, "size=256k")
		folder := diskAt(t, dir, before)
		changes := mix(t, folder)
		filler := filepath.Join(dir, "filler")
		if os.WriteFile(filler, make([]byte, 256<<10), 0o600) == nil {
			t.Fatal("the disk is not full")
		}
		info, err := os.Stat(filler)
		must(t, err)
		must(t, os.Truncate(filler, info.Size()-pages*4096))
		old := snapshot(t, dir)
		if err = Apply(folder.Fs, changes); err == nil {
			fits++
			continue
		}
		wantError(t, err, "no space left on device")
		wantSame(t, snapshot(t, dir), old)
	}
	if fits == 0 || fits == rounds {
		t.Errorf("%d of %d fitted", fits, rounds)
	}
}

func TestReadOnlyFolder(t *testing.T) {
	for name, journal := range map[string]string{"finished": journalFile, "unfinished": unfinishedFile} {
		dir := mount(t, "size=256k")
		folder := diskAt(t, dir, before)
		must(t, Apply(folder.Fs, mix(t, folder)))
		must(t, os.Rename(filepath.Join(dir, journalFile), filepath.Join(dir, journal)))
		old := snapshot(t, dir)
		remountReadOnly(t, dir)
		_, err := Undo(folder.Fs)
		wantError(t, err, "read-only file system")
		_, err = Recover(folder.Fs)
		if name == "unfinished" {
			wantError(t, err, "read-only file system")
		} else {
			must(t, err)
			changes, err := compareAll(folder.Fs, []File{{Path: "fresh", Content: []byte("x\n"), Mode: 0o644}})
			must(t, err)
			wantError(t, Apply(folder.Fs, changes), "read-only file system")
		}
		wantSame(t, snapshot(t, dir), old)
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
	remountReadOnly(t, dir)
	return dir
}

func remountReadOnly(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skip("needs the right to remount: ", err)
	}
}

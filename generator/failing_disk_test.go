package generator

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/afero"
)

// failing is a file system whose n-th operation that changes something fails, once; or from then on.
type failing struct {
	afero.Fs
	left *int
	all  bool
}

var errDisk = &fs.PathError{Op: "write", Path: "somewhere", Err: syscall.ENOSPC}

func (f failing) fails() bool { *f.left--; return *f.left == 0 || f.all && *f.left < 0 }

func (f failing) Mkdir(name string, mode fs.FileMode) error {
	if f.fails() {
		return errDisk
	}
	return f.Fs.Mkdir(name, mode)
}

func (f failing) Open(name string) (afero.File, error) {
	file, err := f.Fs.Open(name)
	return failingFolder{file, f}, err
}

func (f failing) OpenFile(name string, flag int, mode fs.FileMode) (afero.File, error) {
	if f.fails() {
		return nil, errDisk
	}
	file, err := f.Fs.OpenFile(name, flag, mode)
	return failingFile{file, f}, err
}

func (f failing) Rename(from, to string) error {
	if f.fails() {
		return errDisk
	}
	return f.Fs.Rename(from, to)
}

func (f failing) Chmod(name string, mode fs.FileMode) error {
	if f.fails() {
		return errDisk
	}
	return f.Fs.Chmod(name, mode)
}

func (f failing) Remove(name string) error {
	if f.fails() {
		return errDisk
	}
	return f.Fs.Remove(name)
}

type failingFolder struct {
	afero.File
	fs failing
}

func (f failingFolder) Sync() error {
	if f.fs.fails() {
		return errDisk
	}
	return nil // no test can tell, and it takes long
}

type failingFile struct {
	afero.File
	fs failing
}

func (f failingFile) Write(data []byte) (int, error) {
	if f.fs.fails() {
		n, _ := f.File.Write(data[:len(data)/2]) // as a full disk does
		return n, errDisk
	}
	return f.File.Write(data)
}

func (f failingFile) Sync() error {
	if f.fs.fails() {
		return errDisk
	}
	return nil
}

func (f failingFile) Close() error {
	if f.fs.fails() {
		return errors.Join(errDisk, f.File.Close())
	}
	return f.File.Close()
}

// TestApplyTakesBackWhateverFails lets each operation fail in turn: everything is as it was, and the error says why.
func TestApplyTakesBackWhateverFails(t *testing.T) {
	for n := 1; ; n++ {
		dir, folder := disk(t, before)
		old, left := snapshot(t, dir), n
		err := Apply(failing{folder.Fs, &left, false}, mix(t, folder))
		if err == nil {
			wantSame(t, files(t, dir), after())
			if n < 70 {
				t.Errorf("operation %d failed unnoticed", n)
			}
			return
		}
		if !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "somewhere") || strings.Contains(err.Error(), "\n") {
			t.Errorf("operation %d: %q", n, err)
		}
		if strings.Contains(err.Error(), "everything is written, but may not outlast a power failure") {
			old = after()
		}
		wantSame(t, files(t, dir), old)
	}
}

// TestApplyOnADiskThatStaysBroken lets nothing succeed any more from each operation on: what Apply cannot take back, Recover does.
func TestApplyOnADiskThatStaysBroken(t *testing.T) {
	stuck := 0
	for n := 1; ; n++ {
		dir, folder := disk(t, before)
		old, left := snapshot(t, dir), n
		err := Apply(failing{folder.Fs, &left, true}, mix(t, folder))
		if err == nil || strings.Contains(err.Error(), "everything is written") {
			break
		}
		if strings.Contains(err.Error(), "; what was written could not be taken back, ") {
			stuck++
		}
		_, err = Recover(folder.Fs)
		must(t, err)
		wantSame(t, snapshot(t, dir), old)
	}
	if stuck < 20 {
		t.Errorf("only %d failures could not be taken back at once", stuck)
	}
}

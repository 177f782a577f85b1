//go:build unix && !aix && !solaris

package generator

import (
	"errors"
	"syscall"

	"github.com/spf13/afero"
)

// lockFolder holds the folder itself until release is called or the process ends, however it ends: nothing stays behind. It
// fails at once when somebody else holds it. A file system without such locks goes without: there, what another run writes is
// still found by the comparison that every apply begins with.
func lockFolder(target afero.Fs) (release func(), err error) {
	folder, err := target.Open(".")
	if err != nil {
		return nil, about(".", err)
	}
	release = func() { _ = folder.Close() }
	if file, is := folder.(interface{ Fd() uintptr }); is {
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
			release()
			return nil, errLocked
		}
	}
	return release, nil
}

// syncFolder makes what happened to the names in a folder outlast a power failure, where the file system offers that.
func syncFolder(folder afero.File) error {
	err := folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

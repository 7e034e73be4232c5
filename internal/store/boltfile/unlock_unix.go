//go:build unix

package boltfile

import (
	"os"
	"syscall"
)

// unlock takes bbolt's lock from a file: closing it does not, as long as it is mapped.
func unlock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }

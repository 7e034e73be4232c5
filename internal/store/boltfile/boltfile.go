// Package boltfile opens bbolt databases so that a damaged file ends in an error that names it and says what to do, and its
// lock is let go. bbolt itself panics there, or faults. The package knows nothing of what is in a database and repairs none.
package boltfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// ErrInUse: another process has the file open.
var ErrInUse = errors.New("already open in another process")

// Damage says that a file does not hold what was written to it.
type Damage struct {
	Path   string
	Reason error
	Hint   string // what the user can do
}

// Error names the file and the reason.
func (d *Damage) Error() string { return fmt.Sprintf("%s: damaged: %v", d.Path, d.Reason) }

// Unwrap returns the reason.
func (d *Damage) Unwrap() error { return d.Reason }

// DB is bbolt's, open. Where the file turns out to be damaged, View and Update return *Damage.
type DB struct {
	*bolt.DB
	Hint string // of the Damage
}

// Open opens a file, made if it is not there. Errors are ErrInUse, *Damage with this hint, or the system's.
func Open(path, hint string, options bolt.Options) (db *DB, err error) {
	var opened *os.File
	options.OpenFile = func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
		opened, err = os.OpenFile(name, flag, mode)
		return opened, err
	}
	defer func() {
		// Where bbolt panics it leaves the file open and locked. After an error of bbolt's it is closed already.
		if db == nil && opened != nil {
			unlock(opened)
			_ = opened.Close()
		}
	}()
	defer guard(path, hint, &err)()
	raw, err := bolt.Open(path, 0o600, &options)
	switch {
	case err == nil:
		return &DB{raw, hint}, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, ErrInUse
	case ofDisk(err):
		return nil, err
	}
	return nil, &Damage{path, err, hint}
}

// View is bbolt's.
func (d *DB) View(f func(tx *bolt.Tx) error) (err error) {
	defer guard(d.Path(), d.Hint, &err)()
	return d.DB.View(f)
}

// Update is bbolt's. An error means that nothing was written.
func (d *DB) Update(f func(tx *bolt.Tx) error) (err error) {
	defer guard(d.Path(), d.Hint, &err)()
	err = d.DB.Update(f)
	var path *fs.PathError
	if errors.As(err, &path) && path.Path == d.Path() && !ofDisk(err) { // such as a place below 0, from a spoilt list of free pages
		return &Damage{d.Path(), err, d.Hint}
	}
	return err
}

// ofDisk tells whether an error is the system's.
func ofDisk(err error) bool {
	var number syscall.Errno
	return errors.As(err, &number)
}

// guard returns what is to be deferred: it makes an error of a panic that bbolt ends in, or a fault that the file's damage
// leads to. A panic of ours goes on.
func guard(path, hint string, err *error) func() {
	faults := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(faults)
		what := recover()
		if what == nil {
			return
		}
		if !ofDatabase(what) {
			panic(what)
		}
		*err = &Damage{path, fmt.Errorf("%v", what), hint}
	}
}

// ofDatabase tells whether the panic that is being recovered began in bbolt's code.
func ofDatabase(what any) bool {
	if fault, ok := what.(interface{ Addr() uintptr }); ok && fault.Addr() != 0 {
		return true
	}
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	for raised := false; ; {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			raised = true
		case raised && !strings.HasPrefix(f.Function, "runtime."):
			return strings.HasPrefix(f.Function, "go.etcd.io/bbolt")
		}
		if !more {
			return false
		}
	}
}

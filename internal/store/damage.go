package store

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// damagedHint is what the user can do about a damaged database.
const damagedHint = "the keys are not in it: move " + databaseName + " away to start anew; headers and payments are fetched again, " +
	"labels come back by lamina label import"

// database is bbolt's. That panics or faults where its file is damaged; here such a read or write returns an *OpenError.
type database struct{ *bolt.DB }

// openDatabase opens a file. Where bbolt panics it leaves the file open and locked: here it is closed.
func openDatabase(path string, options bolt.Options) (db *bolt.DB, err error) {
	var opened *os.File
	options.OpenFile = func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
		opened, err = os.OpenFile(name, flag, mode)
		return opened, err
	}
	defer func() {
		if db == nil && opened != nil {
			unlock(opened)
			_ = opened.Close() // after an error of bbolt's it is closed already
		}
	}()
	defer whole(path, &err)()
	return bolt.Open(path, 0o600, &options)
}

// View is bbolt's.
func (d *database) View(f func(tx *bolt.Tx) error) (err error) {
	defer whole(d.Path(), &err)()
	return d.DB.View(f)
}

// Update is bbolt's. An error means that nothing was written.
func (d *database) Update(f func(tx *bolt.Tx) error) (err error) {
	defer whole(d.Path(), &err)()
	return d.DB.Update(f)
}

// whole returns what is to be deferred: it makes an error of a panic that bbolt ends in, or a fault that the file's damage
// leads to. A panic of ours goes on.
func whole(path string, err *error) func() {
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
		*err = &OpenError{Dir: filepath.Dir(path), Err: fmt.Errorf("%s: damaged: %v", filepath.Base(path), what), Hint: damagedHint}
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

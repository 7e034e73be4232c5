package keystore

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
)

var errPower = errors.New("the power went")

// memDisk is a disk on which the power goes: at the operation with number fails, of which done bytes or none still happen.
type memDisk struct {
	files map[string][]byte
	ops   int // writing operations so far
	fails int // which one fails; -1: none
	done  int // bytes of a failing write that reach the disk; for the others, 1: it happened and 0: it did not
}

func newDisk() *memDisk { return &memDisk{files: map[string][]byte{}, fails: -1} }

// reboot returns the disk as the next start finds it.
func (d *memDisk) reboot() *memDisk {
	files := maps.Clone(d.files)
	for name := range files {
		files[name] = slices.Clone(files[name])
	}
	return &memDisk{files: files, fails: -1}
}

// op counts a writing operation: dead if the power is gone, last if it goes now.
func (d *memDisk) op() (dead, last bool) {
	d.ops++
	return d.fails >= 0 && d.ops-1 > d.fails, d.ops-1 == d.fails
}

func (d *memDisk) Read(name string) ([]byte, error) {
	if d.fails >= 0 && d.ops > d.fails {
		return nil, errPower
	}
	b, ok := d.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Clone(b[:min(len(b), maxFile+1)]), nil
}

func (d *memDisk) Write(name string, content []byte) error {
	dead, last := d.op()
	if dead {
		return errPower
	}
	if last {
		d.files[name] = slices.Clone(content[:min(d.done, len(content))])
		return errPower
	}
	d.files[name] = slices.Clone(content)
	return nil
}

func (d *memDisk) Rename(from, to string) error {
	dead, last := d.op()
	if dead || last && d.done == 0 {
		return errPower
	}
	d.files[to] = d.files[from]
	delete(d.files, from)
	if last {
		return errPower
	}
	return nil
}

func (d *memDisk) Place(from, to string) error {
	if _, ok := d.files[to]; ok {
		return fs.ErrExist
	}
	return d.Rename(from, to)
}

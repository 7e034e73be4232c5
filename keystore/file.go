package keystore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// disk is what a key file needs of the file system; tests put one that fails in its place.
type disk interface {
	Read(name string) ([]byte, error)        // at most maxFile+1 bytes; fs.ErrNotExist
	Write(name string, content []byte) error // new or over an old file; returns once the disk has it
	Rename(from, to string) error            // replaces to at one stroke; returns once the disk has it
	Place(from, to string) error             // as Rename, but fs.ErrExist if to is there
}

// osDisk is the real one.
type osDisk struct{}

func (osDisk) Read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

func (osDisk) Write(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func (osDisk) Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncFolder(to)
}

// Place links, which unlike a rename never replaces a file that another program made meanwhile. Where the file system
// has no links, looking first must do.
func (d osDisk) Place(from, to string) error {
	err := os.Link(from, to)
	switch {
	case errors.Is(err, fs.ErrExist):
		return err
	case err != nil:
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			return &fs.PathError{Op: "place", Path: to, Err: fs.ErrExist}
		}
		return d.Rename(from, to)
	}
	if err := os.Remove(from); err != nil {
		return err
	}
	return syncFolder(to)
}

// syncFolder makes a rename durable. Windows cannot sync a folder, and orders its journal itself.
func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return fmt.Errorf("folder of the key file: %w", err)
	}
	defer folder.Close()
	return folder.Sync()
}

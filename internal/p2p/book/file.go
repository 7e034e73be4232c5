package book

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Load reads a book from a file. A file that is not there is an empty book; one that is
// damaged is an empty book and an error, and may be written over: addresses are had again
// from peers and seeds. Key is that of an empty book.
func Load(path string, key [16]byte) (*Book, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return New(key), nil
	}
	if err != nil {
		return New(key), err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return New(key), fmt.Errorf("%s: %w", path, err)
	}
	b, err := Decode(raw)
	if err != nil {
		return New(key), fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// Save writes a file in one piece: after a crash at any moment the old one is there, or
// the new one. One process at a time may save to a path.
func Save(path string, raw []byte) error {
	next := path + ".new"
	if err := write(next, raw); err != nil {
		return err
	}
	return os.Rename(next, path)
}

func write(path string, raw []byte) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(raw); err != nil {
		return err
	}
	return f.Sync()
}

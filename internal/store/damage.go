package store

import (
	"errors"
	"fmt"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"github.com/layeredpow/lamina/internal/store/boltfile"
)

// damagedHint is what the user can do about a damaged database.
const damagedHint = "the keys are not in it: move " + databaseName + " away to start anew; headers and payments are fetched again, " +
	"labels come back by lamina label import"

// database is bbolt's. Where its file is damaged a read or write returns an *OpenError.
type database struct{ *bolt.DB }

func (d *database) guarded() *boltfile.DB { return &boltfile.DB{DB: d.DB, Hint: damagedHint} }

// View is bbolt's.
func (d *database) View(f func(tx *bolt.Tx) error) error { return named(d.guarded().View(f)) }

// Update is bbolt's. An error means that nothing was written.
func (d *database) Update(f func(tx *bolt.Tx) error) error { return named(d.guarded().Update(f)) }

// named makes an *OpenError of what says that the file is damaged.
func named(err error) error {
	var damage *boltfile.Damage
	if !errors.As(err, &damage) {
		return err
	}
	return &OpenError{Dir: filepath.Dir(damage.Path), Err: fmt.Errorf("%s: damaged: %w", filepath.Base(damage.Path), damage.Reason),
		Hint: damagedHint}
}

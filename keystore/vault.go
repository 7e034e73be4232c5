package keystore

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
)

const (
	backupSuffix  = ".bak"     // the file once more
	newSuffix     = ".new"     // being written; of no use after a crash
	damagedSuffix = ".damaged" // what Restore replaced
)

// File is a key file: a seed under a password, and a profile that may be read without it. Beside the file at path lies
// path.bak, the same once more. A file is replaced at one stroke, so that after a crash at any moment the old or the
// new one is there, whole, and its backup as well. One File is for one goroutine; of two programs that change the same
// file the second is refused.
type File struct {
	disk     disk
	path     string
	raw      []byte // as on disk
	envelope *envelope
	profile  *Profile // nil if private and never unlocked
	verified bool     // the password vouched for the profile
}

// Create makes a key file. It refuses an empty password, a cost below LeastCost's memory, accounts that are not the
// seed's, and a path that exists. Profile.Fingerprint is filled in. Contents stays the caller's to wipe.
func Create(path string, password []byte, c Contents, private bool, cost Cost) (*File, error) {
	if err := cost.checkNew(); err != nil {
		return nil, err
	}
	return create(osDisk{}, path, password, c, private, cost)
}

func create(d disk, path string, password []byte, c Contents, private bool, cost Cost) (*File, error) {
	if c.Seed != nil {
		keys, err := Open(c.Seed)
		if err != nil {
			return nil, err
		}
		fingerprint, err := keys.Fingerprint()
		keys.Lock()
		if err != nil {
			return nil, err
		}
		c.Profile.Fingerprint = fingerprint
	}
	for _, name := range []string{path, path + backupSuffix} {
		if _, err := d.Read(name); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("key file %s: %w: not overwritten", name, fs.ErrExist)
		}
	}
	raw, err := sealWith(password, c, private, cost)
	if err != nil {
		return nil, err
	}
	// The backup first: a crash between the two leaves a whole file to restore.
	for _, name := range []string{path + backupSuffix, path} {
		if err := writeVerified(d, name+newSuffix, raw); err != nil {
			return nil, err
		}
		if err := d.Place(name+newSuffix, name); err != nil {
			return nil, fmt.Errorf("key file %s: %w", name, err)
		}
	}
	return openFile(d, path)
}

// OpenFile reads a key file. Without the password a profile in clear is known, but nobody vouches for it yet. The error
// is ErrDamaged for a file that is not whole, fs.ErrNotExist if there is none; either says whether Restore can help.
func OpenFile(path string) (*File, error) { return openFile(osDisk{}, path) }

func openFile(d disk, path string) (*File, error) {
	f := &File{disk: d, path: path}
	raw, err := d.Read(path)
	if err == nil {
		err = f.set(raw)
	}
	if err == nil {
		return f, nil
	}
	err = fmt.Errorf("key file %s: %w", path, err)
	if errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
		if backup, bad := d.Read(path + backupSuffix); bad == nil {
			if _, bad := parseEnvelope(backup); bad == nil {
				return nil, fmt.Errorf("%w; the backup %s%s is whole and can be restored", err, path, backupSuffix)
			}
		}
	}
	return nil, err
}

// Restore puts the backup in the place of a damaged or missing file, which it keeps as path.damaged. It refuses if the
// file is whole or the backup is not.
func Restore(path string) error { return restore(osDisk{}, path) }

func restore(d disk, path string) error {
	backup, err := d.Read(path + backupSuffix)
	if err == nil {
		_, err = parseEnvelope(backup)
	}
	if err != nil {
		return fmt.Errorf("key file %s%s: %w", path, backupSuffix, err)
	}
	raw, err := d.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("key file %s: %w", path, err)
	default:
		if _, err := parseEnvelope(raw); !errors.Is(err, ErrDamaged) {
			return fmt.Errorf("key file %s: is not damaged: not replaced by its backup", path)
		}
		if err := d.Write(path+damagedSuffix, raw); err != nil {
			return fmt.Errorf("key file: %w", err)
		}
	}
	return replace(d, path, backup)
}

// set takes raw as the file's content.
func (f *File) set(raw []byte) error {
	e, err := parseEnvelope(raw)
	if err != nil {
		return err
	}
	var profile *Profile
	if e.flags&flagPrivate == 0 {
		p, err := e.openProfile(nil)
		if err != nil {
			return err
		}
		profile = &p
	}
	f.raw, f.envelope, f.profile, f.verified = raw, e, profile, false
	return nil
}

// Private says whether the profile is sealed as well.
func (f *File) Private() bool { return f.envelope.flags&flagPrivate != 0 }

// WatchOnly says whether the file holds no seed.
func (f *File) WatchOnly() bool { return f.envelope.flags&flagWatchOnly != 0 }

// Cost returns what an unlock takes.
func (f *File) Cost() Cost { return f.envelope.cost }

// Profile returns the public part; verified says that a password vouched for it since the file was opened. Without
// that, who can write the file could have put foreign addresses in. Of a private file that was not unlocked it is
// empty.
func (f *File) Profile() (p Profile, verified bool) {
	if f.profile == nil {
		return Profile{}, false
	}
	return f.profile.clone(), f.verified
}

// Unlock returns the keys, after it has derived every account of the profile from them. A watch-only file gives nil and
// no error: its profile is verified then. It renews the backup if that is not the same as the file; Backup says whether
// it could. The error is ErrPassword for a wrong password.
func (f *File) Unlock(password []byte) (*Keyring, error) {
	c, err := f.open(password)
	if err != nil {
		return nil, err
	}
	defer c.Wipe()
	if f.Backup() != nil {
		// A disk that cannot be written must not lock the owner out.
		_ = replace(f.disk, f.path+backupSuffix, f.raw)
	}
	if c.Seed == nil {
		return nil, nil
	}
	return Open(c.Seed)
}

// Words returns the recovery words, to be shown once more; nil if the seed does not come from words. The caller wipes
// them.
func (f *File) Words(password []byte) (*Words, error) {
	c, err := f.open(password)
	if err != nil {
		return nil, err
	}
	if c.Seed != nil {
		c.Seed.Wipe()
	}
	return c.Words, nil
}

// Backup returns nil if path.bak is there and is the same as the file.
func (f *File) Backup() error {
	raw, err := f.disk.Read(f.path + backupSuffix)
	if err != nil {
		return fmt.Errorf("key file backup: %w", err)
	}
	if !bytes.Equal(raw, f.raw) {
		return fmt.Errorf("key file backup %s%s: differs from the file", f.path, backupSuffix)
	}
	return nil
}

// ChangePassword seals the file anew, with a new salt and new cost. The backup is replaced too, as it would go on
// opening to the old password; whoever has an older copy still can open that.
func (f *File) ChangePassword(password, next []byte, cost Cost) error {
	if err := cost.checkNew(); err != nil {
		return err
	}
	return f.rewrite(password, next, cost, f.Private(), func(*Profile) error { return nil })
}

// Update changes the profile, and whether it is sealed. If change returns an error nothing is changed.
func (f *File) Update(password []byte, private bool, change func(*Profile) error) error {
	return f.rewrite(password, password, f.envelope.cost, private, change)
}

func (f *File) rewrite(password, next []byte, cost Cost, private bool, change func(*Profile) error) error {
	c, err := f.open(password)
	if err != nil {
		return err
	}
	defer c.Wipe()
	if err := change(&c.Profile); err != nil {
		return err
	}
	raw, err := sealWith(next, c, private, cost)
	if err != nil {
		return err
	}
	if onDisk, err := f.disk.Read(f.path); err != nil || !bytes.Equal(onDisk, f.raw) {
		return fmt.Errorf("key file %s: changed on disk since it was opened: open it again (%v)", f.path, err)
	}
	// Of the old state there is a backup before the new one takes its place, and of the new one afterwards.
	if f.Backup() != nil {
		if err := replace(f.disk, f.path+backupSuffix, f.raw); err != nil {
			return err
		}
	}
	if err := replace(f.disk, f.path, raw); err != nil {
		return err
	}
	if err := f.set(raw); err != nil {
		return err
	}
	profile := c.Profile.clone()
	f.profile, f.verified = &profile, true
	if err := replace(f.disk, f.path+backupSuffix, raw); err != nil {
		return fmt.Errorf("key file %s: is changed, but not its backup: %w", f.path, err)
	}
	return nil
}

// open unseals everything and remembers the profile. The caller wipes the secrets.
func (f *File) open(password []byte) (Contents, error) {
	keys := stretch(password, f.envelope.salt[:], f.envelope.cost)
	defer keys.wipe()
	c, err := f.envelope.open(keys)
	if err != nil {
		return Contents{}, err
	}
	profile := c.Profile.clone()
	f.profile, f.verified = &profile, true
	return c, nil
}

// sealWith returns a new file's bytes, after it has opened them again with the password.
func sealWith(password []byte, c Contents, private bool, cost Cost) ([]byte, error) {
	if len(password) == 0 {
		return nil, fmt.Errorf("password: empty")
	}
	if err := c.check(c.Seed == nil); err != nil {
		return nil, err
	}
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // never fails
	keys := stretch(password, salt[:], cost)
	defer keys.wipe()
	e, err := seal(c, private, keys, cost, salt)
	if err != nil {
		return nil, err
	}
	raw := e.encode()
	again, err := parseEnvelope(raw)
	if err != nil {
		return nil, err
	}
	// Stretched once more: a bit that fell over in all that memory would lock the owner out.
	sameKeys := stretch(password, salt[:], cost)
	defer sameKeys.wipe()
	read, err := again.open(sameKeys)
	if err != nil {
		return nil, fmt.Errorf("key file: does not open again: this machine miscalculates: %w", err)
	}
	defer read.Wipe()
	was, is := packSecrets(c), packSecrets(read)
	defer clear(was)
	defer clear(is)
	if !bytes.Equal(was, is) {
		return nil, fmt.Errorf("key file: reads back differently: this machine miscalculates")
	}
	return raw, nil
}

// replace puts content in the place of the file name at one stroke.
func replace(d disk, name string, content []byte) error {
	if err := writeVerified(d, name+newSuffix, content); err != nil {
		return err
	}
	if err := d.Rename(name+newSuffix, name); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	return nil
}

// writeVerified writes content and reads it back.
func writeVerified(d disk, name string, content []byte) error {
	if err := d.Write(name, content); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	if back, err := d.Read(name); err != nil || !bytes.Equal(back, content) {
		return fmt.Errorf("key file %s: reads back differently (%v)", name, err)
	}
	return nil
}

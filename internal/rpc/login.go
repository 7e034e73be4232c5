package rpc

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	cookieUser = "__cookie__"
	// CookieName and AddressName are the files in a data folder by which a client finds the server.
	CookieName  = ".cookie"
	AddressName = "rpc.url"
	// CertificateName is a copy of the certificate that the server shows, if it serves with TLS.
	CertificateName = "rpc.cert"
)

// Bounds of files, bytes.
const (
	maxCookie      = 4096
	maxCertificate = 64 << 10
	maxSaltedFile  = 64 << 10
)

// Password is a secret that no printing shows.
type Password string

const hidden = "(password)"

// String, GoString, Format and MarshalText all give a placeholder.
func (Password) String() string               { return hidden }
func (Password) GoString() string             { return hidden }
func (Password) MarshalText() ([]byte, error) { return []byte(hidden), nil }
func (Password) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, hidden) }

// Login is a user with a password.
type Login struct {
	User     string
	Password Password
}

// digest makes logins comparable in a time that tells nothing of them, not even their length.
func (l Login) digest() [32]byte {
	return sha256.Sum256([]byte(l.User + "\x00" + string(l.Password)))
}

// guard knows who may ask.
type guard struct {
	plain  [][32]byte
	salted []Salted
}

func newGuard(logins []Login, salted []Salted) (guard, error) {
	g := guard{salted: salted}
	if len(logins)+len(salted) == 0 {
		return g, errors.New("rpc: nobody may ask: want a cookie or a user with a password")
	}
	for _, l := range logins {
		if l.Password == "" || strings.ContainsAny(l.User, ":\x00") {
			return g, fmt.Errorf("rpc user %.64q: want a password, and a name without colon", l.User)
		}
		g.plain = append(g.plain, l.digest())
	}
	return g, nil
}

// admits tells whether a login is one of those that may ask. It always compares with all of them.
func (g guard) admits(l Login) bool {
	got, found := l.digest(), 0
	for i := range g.plain {
		found |= subtle.ConstantTimeCompare(got[:], g.plain[i][:])
	}
	for i := range g.salted {
		found |= g.salted[i].matches(l)
	}
	return found == 1
}

// Cookie is a login made up for one run of the server, in a file that only the user can read.
type Cookie struct {
	Login
	dir string
}

// NewCookie writes a new cookie file ("USER:PASSWORD") and the server's URL into a data folder, in place of old ones.
func NewCookie(dir, url string) (*Cookie, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	c := &Cookie{Login{cookieUser, Password(hex.EncodeToString(secret))}, dir}
	if err := writePrivate(filepath.Join(dir, CookieName), c.text()); err != nil {
		return nil, err
	}
	if err := writePrivate(filepath.Join(dir, AddressName), url+"\n"); err != nil {
		return nil, errors.Join(err, c.Remove())
	}
	return c, nil
}

func (c *Cookie) text() string { return c.User + ":" + string(c.Password) }

// Remove takes the files away, unless another server has put its own there since.
func (c *Cookie) Remove() error {
	path := filepath.Join(c.dir, CookieName)
	b, err := readSmall(path, maxCookie)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case string(b) != c.text():
		return nil
	}
	err = os.Remove(path)
	for _, name := range []string{AddressName, CertificateName} {
		if gone := os.Remove(filepath.Join(c.dir, name)); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// Pin copies the certificate that the server shows into the data folder, so that clients that find the server there know it.
func (c *Cookie) Pin(certFile string) error {
	b, err := readSmall(certFile, maxCertificate)
	if err != nil {
		return fmt.Errorf("rpc certificate: %w", err)
	}
	return writePrivate(filepath.Join(c.dir, CertificateName), string(b))
}

// writePrivate replaces a file by one that only the user can read, at once.
func writePrivate(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// readSmall reads a file that must not be large.
func readSmall(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s: more than %d bytes", path, most)
	}
	return b, err
}

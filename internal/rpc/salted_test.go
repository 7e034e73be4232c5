package rpc

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The example of Bitcoin Core's rpcauth documentation and its functional test rpc_users.py.
const (
	coreLine     = "rpcauth=rt:93648e835a54c573682c2eb19f882535$7681e9c5b74bdd85e78166031d2058e1069b3ed7ed967c93fc63abba06f31144"
	corePassword = "cA773lm788buwYe4g4WT+05pKyNruVKjQ25x3n0DQcM="
)

// salted makes a line as rpcauth.py does.
func salted(user, salt, password string) string {
	mac := hmac.New(sha256.New, []byte(salt))
	mac.Write([]byte(password))
	return fmt.Sprintf("%s:%s$%s", user, salt, hex.EncodeToString(mac.Sum(nil)))
}

// TestSalted: the right user with the right password, and nobody else.
func TestSalted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	text := "# users\n" + coreLine + "\r\n\n  " + salted("ann", "00ff", "sesame") + "\n"
	check(t, os.WriteFile(path, []byte(text), 0o600))
	list, err := ReadSalted(path)
	check(t, err)
	g, err := newGuard([]Login{{"plain", "p"}}, list)
	check(t, err)
	for _, c := range []struct {
		user, password string
		want           bool
	}{
		{"rt", corePassword, true},
		{"ann", "sesame", true},
		{"plain", "p", true},
		{"ann", corePassword, false},
		{"rt", "sesame", false},
		{"ann", "", false},
		{"", "sesame", false},
		{"ann", "Sesame", false},
		{"ann ", "sesame", false},
		{"plain", "sesame", false},
	} {
		if got := g.admits(Login{c.user, Password(c.password)}); got != c.want {
			t.Errorf("%s with %s: %v", c.user, c.password, got)
		}
	}
	if _, err := New(Config{Methods: testMethods(), Salted: list}); err != nil {
		t.Errorf("a server for salted users alone: %v", err)
	}
}

// TestReadSaltedRefuses: a line that is wrong is named and not repeated.
func TestReadSaltedRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	many := ""
	for i := range maxSalted + 1 {
		many += salted(fmt.Sprint("u", i), "s", "p") + "\n"
	}
	for _, text := range []string{"ann", "ann:secret", "ann:$" + strings.Repeat("00", 32), ":s$" + strings.Repeat("00", 32), "ann:s$00",
		"ann:s$" + strings.Repeat("zz", 32), salted("a", "s", "secret") + "\n" + salted("a", "t", "q"), salted(cookieUser, "s", "p"), many,
		strings.Repeat("#\n", maxSaltedFile)} {
		check(t, os.WriteFile(path, []byte(text), 0o600))
		if _, err := ReadSalted(path); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.60q: %v", text, err)
		}
	}
	if _, err := ReadSalted(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there")
	}
}

// FuzzSalted: what is read can be written and read again.
func FuzzSalted(f *testing.F) {
	f.Add([]byte(coreLine))
	f.Add([]byte("# x\na:b$"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseSalted(b)
		if err != nil {
			return
		}
		text := ""
		for _, s := range list {
			text += fmt.Sprintf("rpcauth=%s:%s$%x\n", s.User, s.Salt, s.Hash)
		}
		again, err := parseSalted([]byte(text))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(list) {
			t.Fatalf("%v, then %v: %v", list, again, err)
		}
	})
}

package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tyler-smith/go-bip39"
)

const soakPassword = "Zwölf Boxkämpfer jagen Viktor"

// soakSecrets are what must be nowhere but in the files that were asked for, by what they are.
type soakSecrets map[string][]byte

// secrets returns the password, and of each wallet its words, its seed (BIP39) and its master key (BIP32).
func (w *soakWorld) secrets() soakSecrets {
	all := soakSecrets{"password": []byte(soakPassword)}
	for _, p := range w.wallets {
		text, err := os.ReadFile(w.path(p.name + ".words"))
		if err != nil {
			w.fail("%v", err)
		}
		_, line, _ := strings.Cut(string(text), "\nwords: ")
		line, _, _ = strings.Cut(line, "\n")
		words := strings.Fields(line)
		if !bip39.IsMnemonicValid(line) {
			w.fail("%s: no words in its file", p.name)
		}
		for i := range len(words) - 2 {
			all[fmt.Sprintf("words of %s from %d", p.name, i)] = []byte(strings.Join(words[i:i+3], " "))
		}
		seed := bip39.NewSeed(line, "")
		master := hmac.New(sha512.New, []byte("Bitcoin seed"))
		master.Write(seed)
		all.key("seed of "+p.name, seed)
		all.key("master key of "+p.name, master.Sum(nil)[:32])
	}
	return all
}

// key adds a key as it is, and in hex.
func (s soakSecrets) key(name string, key []byte) {
	s[name] = key
	s[name+" in hex"] = []byte(hex.EncodeToString(key))
}

// find returns what secret is in b, if any.
func (s soakSecrets) find(b []byte) (string, bool) {
	for name, secret := range s {
		if bytes.Contains(b, secret) {
			return name, true
		}
	}
	return "", false
}

// watchProcesses looks through what everybody on the machine may see of the processes.
func (w *soakWorld) watchProcesses(s soakSecrets) {
	for _, p := range w.processes() {
		for _, file := range []string{"cmdline", "environ"} {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file))
			if err != nil {
				continue // it was killed
			}
			if name, found := s.find(b); found {
				w.fail("%s of %s shows the %s", file, p.name, name)
			}
		}
	}
}

// searchSecrets looks through all that the processes said and wrote, after each was made to die with its stacks printed.
func (w *soakWorld) searchSecrets(s soakSecrets) {
	for _, p := range w.processes() {
		if err := p.signal(syscall.SIGQUIT); err != nil {
			w.fail("%v", err)
		}
		p.log.mu.Lock()
		said := p.log.text.Bytes()
		p.log.mu.Unlock()
		if !bytes.Contains(said, []byte("goroutine ")) {
			w.fail("%s: no stacks to look through", p.name)
		}
		if name, found := s.find(said); found {
			w.fail("%s said the %s", p.name, name)
		}
	}
	err := filepath.WalkDir(w.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == w.hidden || strings.HasSuffix(path, ".words") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if name, found := s.find(b); found {
			return fmt.Errorf("%s has the %s", path, name)
		}
		return nil
	})
	if err != nil {
		w.fail("%v", err)
	}
}

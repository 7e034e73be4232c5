package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/tyler-smith/go-bip39"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/keystore"
	"github.com/layeredpow/lamina/spv/swap"
)

const soakPassword = "Zwölf Boxkämpfer jagen Viktor"

// soakSecrets are what must be nowhere but in the files that were asked for, by what they are.
type soakSecrets map[string][]byte

// secrets returns the password, the settlers' keys, and of each wallet its words, its seed (BIP39) and its master key (BIP32).
func (w *soakWorld) secrets() soakSecrets {
	all := soakSecrets{"password": []byte(soakPassword)}
	for i, key := range w.settlerKeys {
		all.key(fmt.Sprintf("key of settler %d", i), key)
	}
	for i, p := range w.wallets {
		line := w.words(i)
		words := strings.Fields(line)
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

// words returns the words of a wallet, as they were written down.
func (w *soakWorld) words(i int) string {
	text, err := os.ReadFile(w.path(w.wallets[i].name + ".words"))
	must(w.t, err)
	_, line, _ := strings.Cut(string(text), "\nwords: ")
	line, _, _ = strings.Cut(line, "\n")
	if !bip39.IsMnemonicValid(line) {
		w.fail("%s: no words in its file", w.wallets[i].name)
	}
	return line
}

// swapSecret derives the secret of a swap from its owner's words. The hash that both agreed on says that it is the one.
func (w *soakWorld) swapSecret(s *soakSwap, taken *app.Swap) []byte {
	offer, err := swap.DecodeOffer(taken.Offer)
	must(w.t, err)
	owner, named := 1-s.maker, *offer
	if offer.MakerFirst {
		owner = s.maker
		named = swap.Offer{MakerFirst: true, Give: offer.Give, Get: offer.Get, T1: offer.T1, T2: offer.T2}
	}
	seed, err := keystore.NewSeed(bip39.NewSeed(w.words(owner), ""))
	must(w.t, err)
	keys, err := keystore.Open(seed)
	must(w.t, err)
	id := named.ID()
	offer.Hash = [32]byte{}
	for i := range uint32(16) {
		secret, err := keys.Secret("swap "+offer.ID().String(), (binary.LittleEndian.Uint32(id[:])+i)&^keystore.Hardened)
		must(w.t, err)
		if sum := sha256.Sum256(secret[:]); taken.Hash != nil && hex.EncodeToString(sum[:]) == *taken.Hash {
			return secret[:]
		}
	}
	w.fail("swap %v: the words of %s do not give its secret", s.numbers, w.wallets[owner].name)
	return nil
}

// addKept adds the secrets of swaps that never had to show them.
func (w *soakWorld) addKept(all soakSecrets) {
	for _, s := range w.swaps {
		if s.alone {
			all.key(fmt.Sprintf("secret of the swap %v", s.numbers), s.secret)
		}
	}
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
		if !strings.Contains(p.log.String(), "goroutine ") {
			w.fail("%s: no stacks to look through", p.name)
		}
	}
	w.search(s)
}

// search looks through all that the processes said and wrote until now.
func (w *soakWorld) search(s soakSecrets) {
	for _, p := range w.processes() {
		if name, found := s.find([]byte(p.log.String())); found {
			w.fail("%s said the %s", p.name, name)
		}
	}
	err := filepath.WalkDir(w.dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a file that was for a moment
		}
		if err != nil || entry.IsDir() || path == w.hidden || slices.Contains([]string{".words", ".key"}, filepath.Ext(path)) {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
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

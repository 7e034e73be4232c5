package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
	settlerd "github.com/layeredpow/lamina/internal/node/settler/daemon"
)

const settlerHelp = `Make and show the key by which a settler signs.

  lamina settler key new settler.key
  lamina settler key new settler.key --words-file words.txt --password-file pw
  lamina settler key show settler.key

The key is sealed by a password and grows from recovery words, which are shown once, on the terminal or to the file that
--words-to names; --words-file makes the key of words that exist. What is printed is the public key, for the layer's
list of settlers. Of one key only one node may settle: each remembers alone what it has signed.`

func (s *session) settler() *cobra.Command {
	key := group("key", "the key by which a settler signs", settlerHelp, s.settlerKeyNew(), s.settlerKeyShow())
	return group("settler", "keys of settlers", settlerHelp, key)
}

// shownKey is what is told of a key.
type shownKey struct {
	File   string `json:"file"`
	Public string `json:"public"` // x-only
}

func (s *session) showKey(file string, public [32]byte) error {
	k := shownKey{file, hex.EncodeToString(public[:])}
	if s.json {
		return json.NewEncoder(s.out).Encode(k)
	}
	s.printf("%s\n", k.Public)
	return nil
}

func (s *session) settlerKeyNew() *cobra.Command {
	var password, words secretFlags
	var to wordsTarget
	c := &cobra.Command{Use: "new FILE", Short: "make a key", Long: settlerHelp, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			var text app.Secret
			if words.given() {
				if text, err = s.secret(c.Context(), &words, "recovery words", false); err != nil {
					return err
				}
				defer text.Wipe()
			}
			sealed, err := s.secret(c.Context(), &password, "password for the settler's key", true)
			if err != nil {
				return err
			}
			defer sealed.Wipe()
			show := func([]byte) error { return nil }
			if !words.given() {
				out, err := s.openWords(&to)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, out.close()) }()
				show = func(words []byte) error { return out.write(&app.Backup{Text: words}) }
			}
			public, err := settlerd.NewKeyFile(args[0], sealed, text, show)
			if err != nil {
				return unreadable(err, "name a file that does not exist yet; words are 12 or 24")
			}
			return s.showKey(args[0], public)
		}}
	password.add(c.Flags(), "password")
	words.add(c.Flags(), "words")
	to.add(c.Flags())
	return c
}

func (s *session) settlerKeyShow() *cobra.Command {
	return &cobra.Command{Use: "show FILE", Short: "print the public key", Long: settlerHelp, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			k, err := settlerd.OpenKeyFile(args[0])
			if err != nil {
				return unreadable(err, "lamina settler key new makes one")
			}
			return s.showKey(args[0], k.Public())
		}}
}

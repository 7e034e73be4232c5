package keystore

import "fmt"

// Contents is what goes into a key file.
type Contents struct {
	Profile Profile
	Words   *Words // nil if the seed does not come from words; they are kept to be shown again
	Seed    *Seed  // nil for a watch-only file
}

// Wipe overwrites words and seed.
func (c Contents) Wipe() {
	if c.Words != nil {
		c.Words.Wipe()
	}
	if c.Seed != nil {
		c.Seed.Wipe()
	}
}

// check holds the profile against the seed.
func (c Contents) check(watchOnly bool) error {
	switch {
	case watchOnly != (c.Seed == nil):
		return fmt.Errorf("key file: watch-only %t, but a seed %t", watchOnly, c.Seed != nil)
	case c.Words != nil && c.Words.Count() == 0:
		return fmt.Errorf("recovery words: were wiped")
	case c.Words != nil && c.Seed == nil:
		return fmt.Errorf("key file: has words but no seed")
	case c.Seed == nil && c.Profile.Fingerprint != Fingerprint{}:
		return fmt.Errorf("profile: fingerprint %x in a watch-only file", c.Profile.Fingerprint[:])
	}
	if err := c.Profile.check(); err != nil || c.Seed == nil {
		return err
	}
	keys, err := Open(c.Seed)
	if err != nil {
		return err
	}
	defer keys.Lock()
	return c.Profile.matches(keys)
}

// packSecrets writes words and seed in secretsSize bytes.
func packSecrets(c Contents) []byte {
	plain := make([]byte, secretsSize)
	if c.Seed == nil {
		return plain
	}
	plain[0] = 1
	if c.Words != nil {
		entropy := c.Words.entropy()
		defer clear(entropy)
		plain[1] = byte(c.Words.reveal().language)
		plain[2] = byte(copy(plain[3:], entropy))
	}
	plain[35] = byte(copy(plain[36:], c.Seed.reveal().bytes))
	return plain
}

// unpackSecrets reads what packSecrets writes. What the password opened was written by this package, so a fault here is
// a bug or a forgery by the owner; either way it gets an error.
func unpackSecrets(plain []byte) (c Contents, err error) {
	if len(plain) != secretsSize || plain[0] > 1 {
		return c, fmt.Errorf("key file: secrets of %d bytes, kind %d: want %d, kind 0 or 1", len(plain), plain[0], secretsSize)
	}
	if plain[0] == 0 {
		return c, nil
	}
	if n := int(plain[2]); n != 0 {
		if n < 16 || n > 32 || n%4 != 0 || int(plain[1]) >= len(languages) {
			return c, fmt.Errorf("key file: words of %d bytes in list %d", n, plain[1])
		}
		c.Words = wordsFromEntropy(plain[3:3+n], language(plain[1]))
	}
	if n := int(plain[35]); n <= seedSize {
		c.Seed, err = NewSeed(plain[36 : 36+n])
	} else {
		err = fmt.Errorf("key file: seed of %d bytes", n)
	}
	if err != nil {
		c.Wipe()
		return Contents{}, err
	}
	return c, nil
}

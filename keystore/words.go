package keystore

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/unicode/norm"
)

const (
	bitsPerWord  = 11
	maxWordsText = 4096 // bytes; 24 words of the longest list, decomposed, take less than a quarter
	seedRounds   = 2048 // BIP39
	seedSize     = 64
)

// ErrChecksum means that all words are known but do not belong together: one is wrong, or their order is.
var ErrChecksum = errors.New("recovery words: checksum does not match: a word is wrong, or the order is")

// WordError names a word that is not in the list. Word and Suggestions are for the owner's eyes; Error leaves them out,
// so that it may be logged.
type WordError struct {
	Index       int      // from 0
	Word        string   // as typed
	Suggestions []string // likeliest first, at most five
}

// Error names the position (from 1) alone.
func (e *WordError) Error() string {
	return fmt.Sprintf("recovery words: word %d is not in the word list", e.Index+1)
}

// Words are BIP39 recovery words: 12, 15, 18, 21 or 24, with a right checksum.
type Words struct{ secret[words] }

type words struct {
	index    []uint16 // into the list of the language
	language language
}

// NewWords makes English words from bits (128 or 256) of random: 12 or 24.
func NewWords(bits int, random io.Reader) (*Words, error) {
	if bits != 128 && bits != 256 {
		return nil, fmt.Errorf("recovery words: %d bits of entropy: want 128 or 256", bits)
	}
	entropy := make([]byte, bits/8)
	defer clear(entropy)
	if _, err := io.ReadFull(random, entropy); err != nil {
		return nil, fmt.Errorf("random source: %w", err)
	}
	if strings.Count(string(entropy), string(entropy[:1])) == len(entropy) {
		return nil, fmt.Errorf("random source: gave %d equal bytes", len(entropy))
	}
	return wordsFromEntropy(entropy, english), nil
}

// ParseWords reads words of any of the BIP39 lists, parted by white space, in any case and Unicode form. The error is a
// *WordError for a word that is in no list, ErrChecksum, or names the wrong number of words.
func ParseWords(text string) (*Words, error) {
	if len(text) > maxWordsText {
		return nil, fmt.Errorf("recovery words: %d bytes: more than %d", len(text), maxWordsText)
	}
	fields := strings.Fields(norm.NFKD.String(strings.ToLower(text)))
	if n := len(fields); n < 12 || n > 24 || n%3 != 0 {
		return nil, fmt.Errorf("recovery words: %d words: want 12, 15, 18, 21 or 24", n)
	}
	var closest language
	known, checksum := -1, false
	for l := range languages {
		l := language(l)
		index, n := l.lookUp(fields)
		if n > known {
			known, closest = n, l
		}
		if n < len(fields) {
			continue
		}
		// French shares a hundred words with English, the Chinese lists more with one another: text whose words are
		// all in two lists belongs to the one whose checksum fits. The seed is of the text and the same either way.
		if sumFits(index) {
			return &Words{hide(&words{index: index, language: l})}, nil
		}
		checksum = true
		clear(index)
	}
	if checksum {
		return nil, ErrChecksum
	}
	for i, field := range fields {
		if _, ok := closest.lists().index[field]; !ok {
			return nil, &WordError{Index: i, Word: field, Suggestions: closest.suggest(field)}
		}
	}
	panic("keystore: a word is neither known nor unknown")
}

// Count returns how many words there are.
func (w *Words) Count() int { return len(w.reveal().index) }

// Reveal returns the words themselves, for the owner to write down. Clear the slice after use.
func (w *Words) Reveal() []string {
	list := w.reveal().language.lists().words
	out := make([]string, len(w.reveal().index))
	for i, index := range w.reveal().index {
		out[i] = list[index]
	}
	return out
}

// Seed stretches the words and an optional passphrase (nil or empty: none) to the 64 bytes that the key tree grows from
// (BIP39). Any passphrase gives a seed: a mistyped one opens another, empty wallet.
func (w *Words) Seed(passphrase []byte) *Seed {
	revealed := w.Reveal()
	defer clear(revealed)
	salt := append([]byte("mnemonic"), norm.NFKD.Bytes(passphrase)...)
	defer clear(salt)
	key, err := pbkdf2.Key(sha512.New, strings.Join(revealed, " "), salt, seedRounds, seedSize)
	if err != nil {
		panic("keystore: PBKDF2 refuses BIP39's parameters: " + err.Error())
	}
	return &Seed{hide(&seed{key})}
}

// Wipe overwrites the words. They are unusable from then on.
func (w *Words) Wipe() {
	words := w.reveal()
	clear(words.index)
	words.index = nil
}

// entropy returns what the words encode, 4 bytes for every 3 of them.
func (w *Words) entropy() []byte { return unpack(w.reveal().index)[:w.Count()/3*4] }

// wordsFromEntropy makes words of 16, 20, 24, 28 or 32 bytes.
func wordsFromEntropy(entropy []byte, l language) *Words {
	sum := sha256.Sum256(entropy)
	bits := append(append(make([]byte, 0, len(entropy)+1), entropy...), sum[0])
	defer clear(bits)
	index := make([]uint16, len(entropy)*3/4)
	for i := range index {
		for b := range bitsPerWord {
			at := i*bitsPerWord + b
			index[i] = index[i]<<1 | uint16(bits[at/8]>>(7-at%8)&1)
		}
	}
	return &Words{hide(&words{index: index, language: l})}
}

// unpack returns the bits of the words, most significant first: the entropy, then the checksum and zeroes.
func unpack(index []uint16) []byte {
	bits := make([]byte, (len(index)*bitsPerWord+7)/8)
	for i, word := range index {
		for b := range bitsPerWord {
			at := i*bitsPerWord + b
			bits[at/8] |= byte(word>>(bitsPerWord-1-b)&1) << (7 - at%8)
		}
	}
	return bits
}

// sumFits says whether the last bits (one for every three words) are the first of the SHA-256 of those before.
func sumFits(index []uint16) bool {
	bits := unpack(index)
	defer clear(bits)
	size := len(index) / 3 * 4
	sum := sha256.Sum256(bits[:size])
	return bits[size]>>(8-len(index)/3) == sum[0]>>(8-len(index)/3)
}

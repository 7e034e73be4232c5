package keystore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tyler-smith/go-bip39"
	"golang.org/x/text/unicode/norm"

	"github.com/layeredpow/lamina/internal/testdata"
)

const abandon = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"

func mustWords(t testing.TB, text string) *Words {
	t.Helper()
	w, err := ParseWords(text)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// The vectors cover twelve languages; three of them have no list here, and their words must be refused as unknown.
func TestWordsVectors(t *testing.T) {
	var languages map[string][][4]string
	if err := json.Unmarshal(testdata.Read(t, "vectors/bip39-trezor-vectors.json"), &languages); err != nil {
		t.Fatal(err)
	}
	done := 0
	for name, vectors := range languages {
		for _, v := range vectors {
			w, err := ParseWords(v[1])
			if slices.Contains([]string{"portuguese", "russian", "turkish"}, name) {
				if unknown := new(WordError); !errors.As(err, &unknown) {
					t.Errorf("%s: error %v, want a WordError", name, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s %s: %v", name, v[0], err)
				continue
			}
			if got := hex.EncodeToString(w.entropy()); got != v[0] {
				t.Errorf("%s: entropy %s, want %s", name, got, v[0])
			}
			s := w.Seed([]byte("TREZOR"))
			if got := hex.EncodeToString(s.reveal().bytes); got != v[2] {
				t.Errorf("%s %s: seed %s, want %s", name, v[0], got, v[2])
			}
			root, err := master(s)
			if err != nil {
				t.Fatal(err)
			}
			if got := encodePrivate(root); got != v[3] {
				t.Errorf("%s %s: master key differs", name, v[0])
			}
			again := wordsFromEntropy(w.entropy(), w.reveal().language)
			if !slices.Equal(again.Reveal(), w.Reveal()) {
				t.Errorf("%s %s: words do not survive the way over entropy", name, v[0])
			}
			done++
		}
	}
	if done != 9*24 {
		t.Errorf("%d vectors done, want %d", done, 9*24)
	}
}

func TestJapaneseVectors(t *testing.T) {
	var vectors []struct{ Entropy, Mnemonic, Passphrase, Seed string }
	raw := bytes.TrimPrefix(testdata.Read(t, "vectors/bip39-japanese-vectors.json"), []byte("\xef\xbb\xbf"))
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		for _, form := range []norm.Form{norm.NFC, norm.NFD, norm.NFKC, norm.NFKD} {
			w := mustWords(t, form.String(v.Mnemonic))
			if got := hex.EncodeToString(w.Seed(form.Bytes([]byte(v.Passphrase))).reveal().bytes); got != v.Seed {
				t.Errorf("%s, form %d: seed %s, want %s", v.Entropy, form, got, v.Seed)
			}
		}
	}
}

func TestNewWords(t *testing.T) {
	for bits, count := range map[int]int{128: 12, 256: 24} {
		entropy := []byte("\x01 a stream of bytes that is long enough for all")
		w, err := NewWords(bits, bytes.NewReader(entropy))
		if err != nil {
			t.Fatal(err)
		}
		want, err := bip39.NewMnemonic(entropy[:bits/8])
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(w.Reveal(), " "); got != want || w.Count() != count {
			t.Errorf("%d bits: %q, want %q", bits, got, want)
		}
		if !bip39.IsMnemonicValid(want) {
			t.Errorf("%d bits: the reference refuses %q", bits, want)
		}
	}
	for _, bits := range []int{0, 127, 160, 512} {
		if _, err := NewWords(bits, bytes.NewReader(make([]byte, 99))); err == nil {
			t.Errorf("%d bits: accepted", bits)
		}
	}
	if _, err := NewWords(128, bytes.NewReader(make([]byte, 16))); err == nil {
		t.Error("a broken random source: accepted")
	}
	if _, err := NewWords(128, bytes.NewReader([]byte("short"))); err == nil {
		t.Error("a short random source: accepted")
	}
}

func TestParseWordsRefuses(t *testing.T) {
	words := func(change func([]string) []string) string { return strings.Join(change(strings.Fields(abandon)), " ") }
	tests := []struct {
		name, text string
		want       string
	}{
		{"eleven", words(func(w []string) []string { return w[:11] }), "11 words"},
		{"thirteen", abandon + " about", "13 words"},
		{"none", "", "0 words"},
		{"twenty-seven", strings.Repeat("abandon ", 27), "27 words"},
		{"wrong last", words(func(w []string) []string { w[11] = "abandon"; return w }), ErrChecksum.Error()},
		{"swapped", words(func(w []string) []string { w[0], w[11] = w[11], w[0]; return w }), ErrChecksum.Error()},
		{"typo", words(func(w []string) []string { w[6] = "abnadon"; return w }), "word 7 is not"},
		{"huge", strings.Repeat("abandon ", 10_000), "bytes"},
		{"two languages", words(func(w []string) []string { w[0] = "abaisser"; return w }), "word 1 is not"},
	}
	for _, tt := range tests {
		_, err := ParseWords(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "aba") {
			t.Errorf("%s: the error repeats a word: %v", tt.name, err)
		}
	}
	mustWords(t, "  ABANDON\tabandon abandon abandon abandon abandon\nabandon abandon abandon abandon Abandon about ")
}

func TestSuggestions(t *testing.T) {
	tests := []struct{ typed, first string }{
		{"abnadon", "abandon"}, {"abandn", "abandon"}, {"abandoon", "abandon"}, {"lettre", "letter"}, {"wrog", "wrong"},
		{"abstract2", "abstract"}, {"zo", "zoo"}, {"hospitl", "hospital"}, {"acidd", "acid"},
	}
	for _, tt := range tests {
		got := english.suggest(tt.typed)
		if len(got) == 0 || len(got) > maxSuggestions || !slices.Contains(got, tt.first) {
			t.Errorf("%s: suggests %v, want %s among them", tt.typed, got, tt.first)
		}
	}
	if got := english.suggest("qqqqqqqqqq"); len(got) != 0 {
		t.Errorf("suggests %v for nonsense", got)
	}
	_, err := ParseWords(strings.Replace(abandon, "about", "abuot", 1))
	wrong := new(WordError)
	if !errors.As(err, &wrong) || wrong.Index != 11 || wrong.Word != "abuot" || wrong.Suggestions[0] != "about" {
		t.Errorf("%+v, want word 11 and about", wrong)
	}
}

func FuzzParseWords(f *testing.F) {
	f.Add(abandon)
	f.Add("あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あいこくしん　あおぞら")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := ParseWords(text)
		if err != nil {
			return
		}
		again, err := ParseWords(strings.Join(w.Reveal(), " "))
		if err != nil || !bytes.Equal(again.entropy(), w.entropy()) {
			t.Errorf("%q: reads back as other words: %v", text, err)
		}
		if w.reveal().language == english {
			entropy, err := bip39.EntropyFromMnemonic(strings.Join(w.Reveal(), " "))
			if err != nil || !bytes.Equal(entropy, w.entropy()) {
				t.Errorf("%q: the reference reads other entropy: %v", text, err)
			}
		}
	})
}

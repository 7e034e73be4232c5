package present

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/layeredpow/lamina/internal/app"
)

// Strength is how hard a password is to guess, 0 to 3.
type Strength int

// Strength judges a new password by its letters, and says so in words. It is a hint and no
// promise: nobody knows what a guesser tries first.
func (x *Texts) Strength(password string) (Strength, string) {
	bits := guessBits(password)
	switch {
	case password == "":
		return 0, x.t("The password locks the keys on this computer. Without it and without the words they are lost.")
	case bits < 40:
		return 0, x.t("Weak: guessed in minutes by who has the file. Four random words are better.")
	case bits < 58:
		return 1, x.t("Fair: holds against a person, not for long against a machine.")
	case bits < 70:
		return 2, x.t("Good.")
	}
	return 3, x.t("Strong.")
}

// guessBits counts what each letter adds: little if it repeats or goes on from the one
// before it.
func guessBits(password string) float64 {
	classes := []struct {
		in   func(rune) bool
		size float64
	}{{unicode.IsLower, 26}, {unicode.IsUpper, 26}, {unicode.IsDigit, 10}}
	alphabet, seen := 0.0, map[int]bool{}
	letters := []rune(password)
	for _, r := range letters {
		class := len(classes)
		for i, c := range classes {
			if c.in(r) {
				class = i
			}
		}
		if !seen[class] {
			seen[class] = true
			if class < len(classes) {
				alphabet += classes[class].size
			} else {
				alphabet += 33
			}
		}
	}
	bits, used := 0.0, map[rune]bool{}
	for i, r := range letters {
		each := math.Log2(alphabet)
		if used[r] {
			each /= 2
		}
		if i > 0 && math.Abs(float64(r-letters[i-1])) <= 1 {
			each = 1
		}
		used[r] = true
		bits += each
	}
	return bits
}

// Words says how far the typing of recovery words is.
func (x *Texts) Words(c *app.WordsCheck) string {
	switch {
	case c.OK:
		return x.t("{{.N}} words, and their checksum fits.", words{"N": c.Count})
	case c.Count == 0:
		return x.t("Type or paste the words with spaces between them.")
	case c.Index >= 0:
		return x.t("Word {{.N}} is in no list of words.", words{"N": c.Index + 1})
	case c.Count > 24 || c.Count < 12 || c.Count%3 != 0:
		return x.t("{{.N}} words so far: there are to be 12, 15, 18, 21 or 24.", words{"N": c.Count})
	}
	return x.t("{{.N}} words, and their checksum does not fit: a word is wrong, or the order is.", words{"N": c.Count})
}

// Numbered writes recovery words with their numbers, two in a line.
func Numbered(list []string) string {
	var b strings.Builder
	for i, w := range list {
		end := "  "
		if i%2 == 1 || i == len(list)-1 {
			end = "\n"
		}
		fmt.Fprintf(&b, "%2d %-9s%s", i+1, w, end)
	}
	return strings.TrimRight(b.String(), " \n")
}

// Birthday reads the day of a wallet's first use: a year, a month or a day. Empty means
// that it is not known, which is the zero time.
func (x *Texts) Birthday(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01", "2006"} {
		if at, err := time.Parse(layout, text); err == nil {
			switch {
			case at.After(now):
				return time.Time{}, fmt.Errorf("%s", x.t("Birthday: {{.Got}} is yet to come.", words{"Got": text}))
			case at.Year() < 2009:
				return time.Time{}, fmt.Errorf("%s", x.t("Birthday: there was no chain in {{.Got}}.", words{"Got": text}))
			}
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s", x.t("Birthday: {{.Got}} is no date like 2024, 2024-03 or 2024-03-31.",
		words{"Got": cut(text, 20)}))
}

// BackupNote says what belongs to the words on paper.
func (x *Texts) BackupNote(b *app.Backup) string {
	return x.t("Birthday {{.Day}}. Fingerprint {{.Print}}. Write both beside the words: the birthday makes restoring quick, the fingerprint shows that it is the same wallet.",
		words{"Day": b.Birthday.UTC().Format("2006-01-02"), "Print": b.Fingerprint})
}

// Backup says what a check of the backup found.
func (x *Texts) Backup(c *app.BackupCheck) (good bool, text string) {
	text = x.t("These are the words of this wallet.")
	if !c.Words {
		text = x.t("These are not the words of this wallet. Do not rely on that paper.")
	}
	if c.File != "" {
		return false, text + " " + x.t("The copy of the key file: {{.Problem}}.", words{"Problem": x.quoted(c.File)})
	}
	return c.Words, text + " " + x.t("The copy of the key file is whole.")
}

// Labels says what an import of labels did.
func (x *Texts) Labels(i *app.Imported) string {
	text := x.t("Labels set: {{.N}}. Coins frozen or thawed: {{.Frozen}}.", words{"N": number(i.Labels), "Frozen": number(i.Frozen)})
	if i.Cut > 0 {
		text += " " + x.t("Shortened: {{.N}}.", words{"N": number(i.Cut)})
	}
	if len(i.Skipped) > 0 {
		text += " " + x.t("Not understood, and left out: {{.N}}.", words{"N": number(len(i.Skipped))})
	}
	return text
}

// Trouble says why a wallet cannot be used.
func (x *Texts) Trouble(w *app.Wallet) string { return x.say(w.TroubleSaid, w.Trouble) }

// Wallet says in some sentences what a wallet is.
func (x *Texts) Wallet(w *app.Wallet) string {
	if w.Trouble != "" {
		return w.Name + ": " + x.Trouble(w)
	}
	parts := []string{w.Name + "."}
	switch {
	case w.WatchOnly:
		parts = append(parts, x.t("It only watches."))
	case w.Unlocked:
		parts = append(parts, x.t("Unlocked."))
	default:
		parts = append(parts, x.t("Locked."))
	}
	if w.Fingerprint != "" {
		parts = append(parts, x.t("Fingerprint {{.Print}}.", words{"Print": w.Fingerprint}))
	}
	if !w.Birthday.IsZero() {
		parts = append(parts, x.t("Birthday {{.Day}}.", words{"Day": w.Birthday.UTC().Format("2006-01-02")}))
	}
	return strings.Join(parts, " ")
}

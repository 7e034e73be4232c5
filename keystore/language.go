package keystore

import (
	"slices"
	"strings"
	"sync"

	"github.com/tyler-smith/go-bip39/wordlists"
	"golang.org/x/text/unicode/norm"
)

// language is the index of a BIP39 word list. Files store it: the order below never changes.
type language uint8

const english language = 0

const (
	maxSuggestions = 5
	maxTypos       = 2
	uniquePrefix   = 4 // letters that tell any two words of most lists apart
)

// wordList is one list in its decomposed form.
type wordList struct {
	words []string
	index map[string]uint16
}

// languages builds each list when it is first asked for.
var languages = [...]func() wordList{
	lazily(wordlists.English), lazily(wordlists.Japanese), lazily(wordlists.Korean), lazily(wordlists.Spanish),
	lazily(wordlists.ChineseSimplified), lazily(wordlists.ChineseTraditional), lazily(wordlists.French),
	lazily(wordlists.Italian), lazily(wordlists.Czech),
}

func lazily(words []string) func() wordList {
	return sync.OnceValue(func() wordList {
		l := wordList{words: make([]string, len(words)), index: make(map[string]uint16, len(words))}
		for i, word := range words {
			l.words[i] = norm.NFKD.String(word)
			l.index[l.words[i]] = uint16(i)
		}
		return l
	})
}

func (l language) lists() wordList { return languages[l]() }

// lookUp returns the words' indexes and how many of the words the list knows; the indexes mean something if it knows
// all.
func (l language) lookUp(fields []string) (index []uint16, known int) {
	list := l.lists()
	index = make([]uint16, len(fields))
	for i, field := range fields {
		at, ok := list.index[field]
		if ok {
			known++
		}
		index[i] = at
	}
	return index, known
}

// suggest returns the words that are likeliest meant: those that begin with the same four letters (by which lists are
// made to be told apart), then those that one, then two typing mistakes away, in the list's order.
func (l language) suggest(typed string) []string {
	type candidate struct {
		word  string
		typos int
	}
	var found []candidate
	letters := []rune(typed)
	for _, word := range l.lists().words {
		typos := typosBetween(letters, []rune(word))
		if len(letters) >= uniquePrefix && strings.HasPrefix(word, string(letters[:uniquePrefix])) {
			typos = 0
		}
		if typos <= maxTypos {
			found = append(found, candidate{word, typos})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.typos - b.typos })
	var out []string
	for _, c := range found[:min(len(found), maxSuggestions)] {
		out = append(out, c.word)
	}
	return out
}

// typosBetween counts the letters left out, put in, mistaken or swapped with their neighbour between two words.
func typosBetween(a, b []rune) int {
	if d := len(a) - len(b); d > maxTypos || d < -maxTypos {
		return maxTypos + 1
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			n := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				n = min(n, rows[i-2][j-2]+1)
			}
			rows[i][j] = n
		}
	}
	return rows[len(a)][len(b)]
}

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/layeredpow/lamina/internal/app"
)

// walletCommands are the commands of this kind; the rest of the program has its own tests.
var walletCommands = []string{"wallet", "receive", "send", "sendmany", "balance", "history", "coins", "tx", "psbt", "label", "fee", "message"}

// example is a line of a command's help.
type example struct{ command, line string }

func examples(t *testing.T) (out []example) {
	root := newSession(nil, nil, nil).root()
	for _, name := range walletCommands {
		c, _, err := root.Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		if err := eachCommand(c, func(c *cobra.Command) error {
			n := 0
			for line := range strings.Lines(c.Long) {
				if line = strings.TrimSpace(line); strings.HasPrefix(line, "lamina ") {
					out = append(out, example{c.CommandPath(), line})
					n++
				}
			}
			if n == 0 {
				t.Errorf("%s: no example in its help", c.CommandPath())
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

var words = regexp.MustCompile(`"[^"]*"|\S+`)

// TestExamples runs every example of the help as it stands, as text and as JSON, with the daemon and without one. No output
// holds a secret, and every JSON document about money says how far it can be relied on.
func TestExamples(t *testing.T) {
	all := examples(t)
	if len(all) < 90 {
		t.Errorf("%d examples, want at least 90", len(all))
	}
	place := strings.NewReplacer("TXID", someTx.String(), "SCHEME:ADDRESS", "lamina-dev:"+someAddr, "ADDRESS", someAddr)
	for _, x := range all {
		for _, asJSON := range []bool{false, true} {
			t.Chdir(t.TempDir())
			for name, content := range map[string]string{"pw": tellerPassword + "\n", "old": tellerPassword, "new": "hush-next", "words.txt": tellerWords,
				"keys.txt": "# mine\nwpkh(xpub)\n", "payments.csv": someAddr + ",0.5,rent\n", "labels.jsonl": "{}\n", "payment.psbt": somePacket,
				"one.psbt": somePacket, "two.psbt": "psbt\xff\x01\x00", "both.psbt": somePacket, "statement.txt": "it is mine"} {
				if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			line, stdin := x.line, "wpkh(xpub)\n"
			if strings.Contains(line, "--words-to words.txt") {
				_ = os.Remove("words.txt")
			}
			if _, behind, piped := strings.Cut(line, " | "); piped {
				line = behind
			}
			line, _, _ = strings.Cut(line, " > ")
			if before, from, ok := strings.Cut(line, " < "); ok {
				raw, err := os.ReadFile(from)
				if err != nil {
					t.Fatal(err)
				}
				line, stdin = before, string(raw)
			}
			args := words.FindAllString(place.Replace(line), -1)[1:]
			for i := range args {
				args[i] = strings.Trim(args[i], `"`)
			}
			secrets := []string{tellerPassword, tellerPassword, tellerPassword}
			if slices.Contains(args, "restore") || slices.Contains(args, "check") {
				secrets[0] = tellerWords
			}
			if asJSON && !slices.Contains(args, "--json") {
				args = append(args, "--json")
			}
			k := &keyboard{secrets: secrets, lines: []string{"y"}}
			got := atTeller(t, &teller{synced: true}, args[0] == "wallet" && args[1] == "unlock", k, stdin, args...)
			if got.code != exitOK {
				t.Errorf("%s: %s: exit code %d\n%s%s", x.command, x.line, got.code, got.out, got.err)
				continue
			}
			if strings.Contains(got.out+got.err, "hush") || strings.Contains(got.out, "\x1b[2J") || strings.Contains(got.out, "\x1b]") {
				t.Errorf("%s: a secret, or somebody's control characters, in\n%s%s", x.line, got.out, got.err)
			}
			if asJSON && !slices.Contains(args, "--csv") {
				wantTrust(t, x.line, got)
			}
		}
	}
}

// wantTrust wants one JSON document that says what it is worth.
func wantTrust(t *testing.T, line string, got outcome) {
	t.Helper()
	doc := document(t, got)
	if doc["wallets"] != nil || doc["words"] != nil { // of no chain in particular
		return
	}
	trust, _ := doc["trust"].(map[string]any)
	tip, _ := trust["tip"].(map[string]any)
	if tip["height"] != 150.0 || trust["age"] != 30.0 || trust["verified"] != true || trust["peers"] != 3.0 {
		t.Errorf("%s: trust %v", line, doc["trust"])
	}
}

// TestSecretsOnCommandLine: a secret there is refused before anything is done, and is not repeated.
func TestSecretsOnCommandLine(t *testing.T) {
	for _, args := range [][]string{
		{"send", someAddr, "1", "--password", "hush"}, {"send", someAddr, "1", "--password=hush"}, {"wallet", "restore", "main", "--words", "hush"},
		{"wallet", "create", "x", "--passphrase=hush", "--chain", "dev"}, {"wallet", "passwd", "-new-password", "hush"}, {"daemon", "--webhook-secret=hush"},
	} {
		b := &teller{}
		got := atTeller(t, b, false, &keyboard{}, "", args...)
		if got.code != exitUsage || strings.Contains(got.err+got.out, "hush") || !strings.Contains(got.err, "-file FILE") || b.did != nil {
			t.Errorf("%q: exit code %d\n%s", args, got.code, got.err)
		}
	}
}

// TestSecretSources: from a file, a descriptor, standard input and the terminal it is the same password.
func TestSecretSources(t *testing.T) {
	pw := file(t, "pw", []byte(tellerPassword+"\r\nsecond line"))
	for _, c := range []struct {
		args  string
		stdin string
		k     *keyboard
	}{
		{"--password-file " + pw, "", nil},
		{"--password-fd 0", tellerPassword + "\nrest", nil},
		{"", "", &keyboard{secrets: []string{tellerPassword}}},
	} {
		b := &teller{synced: true}
		got := atTeller(t, b, false, c.k, c.stdin, append(strings.Fields("send "+someAddr+" 0.5 --yes"), strings.Fields(c.args)...)...)
		if got.code != exitOK || len(b.sends) != 1 || b.payments[0].To[0].Amount != 50_000_000 {
			t.Errorf("%q: exit code %d, %d sent\n%s", c.args, got.code, len(b.sends), got.err)
		}
	}
	for args, says := range map[string]string{
		"":                                  "password: no terminal to ask on",
		"--password-fd 0":                   "password",
		"--password-fd 0 --password-file x": "want one of them",
		"--password-file /nonsense":         "/nonsense: no such file",
		"--password-file " + file(t, "long", []byte(strings.Repeat("x", 5000))): "more than 4096 bytes",
		"--password-file " + file(t, "empty", []byte("\n")):                     "empty",
	} {
		b := &teller{synced: true}
		got := atTeller(t, b, false, nil, "", append(strings.Fields("send "+someAddr+" 0.5 --yes"), strings.Fields(args)...)...)
		if got.code != exitUsage || !strings.Contains(got.err, says) || !strings.Contains(got.err, "hint: ") || len(b.sends) != 0 {
			t.Errorf("%q: exit code %d, want %q\n%s", args, got.code, says, got.err)
		}
	}
}

// TestDescriptor runs the program itself, with two secrets waiting in a descriptor that it did not open.
func TestDescriptor(t *testing.T) {
	const marker = "LAMINA_TEST_ARGS"
	if args := os.Getenv(marker); args != "" {
		os.Exit(run(strings.Fields(args), strings.NewReader(""), os.Stdout, os.Stderr))
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString(tellerPassword + "\nabandon hush\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	dir := t.TempDir()
	program := exec.Command(os.Args[0], "-test.run=^TestDescriptor$")
	program.Env = append(os.Environ(), marker+"=wallet create main --chain dev --password-fd 3 --passphrase-fd 3 --words-to "+dir+"/words --data-dir "+dir+"/data")
	program.ExtraFiles = []*os.File{r}
	out, err := program.CombinedOutput()
	if err != nil || strings.Contains(string(out), "hush") || !strings.Contains(string(out), "main") {
		t.Fatalf("%v\n%s", err, out)
	}
	h := &household{t: t, dir: dir + "/data"}
	h.must("wallet", "check", "--words-file", dir+"/words", "--passphrase-file", file(t, "phrase", []byte("abandon hush")))
	if got := h.lamina("wallet", "check", "--words-file", dir+"/words"); got.code != exitRefuted {
		t.Errorf("without the passphrase: exit code %d\n%s", got.code, got.err)
	}
}

// TestSendConsent: nothing is sent without a yes, and nothing with a warning that nobody agreed to.
func TestSendConsent(t *testing.T) {
	warned := []app.Warning{{Concern: "high share", Text: "the fee is 34% of the amount"}, {Concern: "reuse", Text: "paid there before"}}
	pw := file(t, "pw", []byte(tellerPassword))
	for _, c := range []struct {
		name     string
		args     string
		k        *keyboard
		warnings []app.Warning
		code     int
		says     string
		sent     int
	}{
		{"confirmed", "", &keyboard{lines: []string{"y"}}, nil, exitOK, "", 1},
		{"declined", "", &keyboard{lines: []string{"n"}}, nil, exitRefuted, "nothing was done", 0},
		{"enter", "", &keyboard{lines: []string{""}}, nil, exitRefuted, "nothing was done", 0},
		{"nobody there", "", nil, nil, exitUsage, "no terminal to ask on", 0},
		{"yes", "--yes", nil, nil, exitOK, "", 1},
		{"dry", "--dry-run --yes", nil, warned, exitOK, "", 0},
		{"warned", "--yes", nil, warned, exitRefuted, "high share: the fee is 34% of the amount; reuse", 0},
		{"warned, one accepted", "--yes --accept reuse", nil, warned, exitRefuted, "high share", 0},
		{"accepted", "--yes --accept reuse --accept high-share", nil, warned, exitOK, "", 1},
	} {
		b := &teller{synced: true, warnings: c.warnings}
		got := atTeller(t, b, false, c.k, "", append(strings.Fields("send "+someAddr+" 0.03 --password-file "+pw), strings.Fields(c.args)...)...)
		if got.code != c.code || len(b.sends) != c.sent || !strings.Contains(got.err, c.says) {
			t.Errorf("%s: exit code %d, %d sent\n%s%s", c.name, got.code, len(b.sends), got.out, got.err)
		}
		if c.k != nil && !strings.Contains(c.k.screen.String(), "0.03 DEV") {
			t.Errorf("%s: shown was\n%s", c.name, &c.k.screen)
		}
	}
}

// TestWalletExitCodes: 1 is a no from whoever decides, 2 a question that makes no sense.
func TestWalletExitCodes(t *testing.T) {
	wrong := file(t, "wrong", []byte("hush-wrong"))
	pw := file(t, "pw", []byte(tellerPassword))
	bad := file(t, "bad", []byte("hush abandon abilty"))
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"send " + someAddr + " 1 --yes --password-file " + wrong, exitRefuted, "password is wrong"},
		{"send " + someAddr + " 1.123456789 --yes", exitUsage, "amount"},
		{"send " + someAddr + " -1 --yes", exitUsage, ""},
		{"send " + someAddr, exitUsage, "neither the command nor the request"},
		{"send lamina-dev:" + someAddr + "?amount=0.5 0.6 --yes", exitUsage, "the request asks for 0.5 DEV"},
		{"send " + someAddr + " 1 --rate 0", exitUsage, "--rate"},
		{"send " + someAddr + " 1 --rate 1.2345", exitUsage, "--rate"},
		{"sendmany " + file(t, "csv", []byte("x,1\n")), exitUsage, "line 1"},
		{"sendmany /nonsense", exitUsage, "/nonsense"},
		{"tx show abc", exitUsage, "64 hex digits"},
		{"tx show " + strings.Repeat("zz", 32), exitUsage, "64 hex digits"},
		{"tx show " + strings.Repeat("ab", 32), exitUsage, "not in the history"},
		{"message verify " + someAddr + " FORGED text", exitRefuted, ""},
		{"message verify " + someAddr + " SIGNATURE", exitUsage, "message: want it as an argument or by --file"},
		{"wallet check --words-file " + pw, exitRefuted, ""},
		{"wallet restore other --chain dev --words-file " + bad + " --password-file " + pw, exitRefuted, "word 3 is in no list"},
		{"wallet restore other --chain dev --words-file " + pw + " --password-file " + pw, exitRefuted, "checksum is wrong"},
		{"wallet create other --chain nonsense", exitUsage, `chain "nonsense" is unknown`},
		{"wallet create other --chain dev --password-file " + pw, exitUsage, "words: no terminal"},
		{"wallet create other --chain dev --password-file " + pw + " --words-to " + pw, exitUsage, "exists"},
		{"wallet create other --chain dev --birthday 31.1.2026", exitUsage, "YYYY-MM-DD"},
		{"wallet unlock --password-file " + pw, exitUsage, "no daemon runs"},
		{"balance --wallet nonsense", exitUsage, "there is main"},
		{"balance --chain bitcoin", exitUsage, `is not on chain "bitcoin"`},
		{"coins tag", exitUsage, "want coins or an address"},
		{"coins rule shop", exitUsage, "want two"},
		{"coins combine --resume nonsense", exitUsage, "there is none"},
		{"coins split", exitUsage, "[count into]"},
		{"history --since yesterday", exitUsage, "--since"},
		{"wallet gap 0", exitUsage, "1 to 10000"},
		{"psbt show " + pw, exitUsage, "not base64"},
	} {
		b := &teller{synced: true}
		got := atTeller(t, b, false, nil, "", strings.Fields(c.args)...)
		if got.code != c.code || !strings.Contains(got.err, c.says) || strings.Contains(got.out+got.err, "hush") || len(b.sends) != 0 {
			t.Errorf("%s: exit code %d, want %d and %q\n%s%s", c.args, got.code, c.code, c.says, got.out, got.err)
		}
	}
	b := &teller{synced: true, err: app.Coded(app.CodeFunds, "coins: 1 DEV, want 2 DEV")}
	if got := atTeller(t, b, false, nil, "", "send", someAddr, "2", "--yes", "--password-file", pw); got.code != exitRefuted {
		t.Errorf("no funds: exit code %d", got.code)
	}
}

// TestWords: new words go to the terminal or into a file that only the owner can read, never into the result; where they
// cannot go anywhere, no wallet is made.
func TestWords(t *testing.T) {
	pw := file(t, "pw", []byte(tellerPassword))
	to := t.TempDir() + "/words"
	b := &teller{}
	got := atTeller(t, b, false, nil, "", "wallet", "create", "main", "--chain", "dev", "--password-file", pw, "--words-to", to, "--json")
	raw, err := os.ReadFile(to)
	if err != nil || got.code != exitOK || string(raw) != "words: "+tellerWords+"\n" || b.password != tellerPassword {
		t.Fatalf("exit code %d, %q, %v\n%s", got.code, raw, err, got.err)
	}
	if at, err := os.Stat(to); err != nil || at.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", at.Mode(), err)
	}
	k := &keyboard{secrets: []string{tellerPassword, tellerPassword}}
	if got := atTeller(t, b, false, k, "", "wallet", "create", "main", "--chain", "dev"); got.code != exitOK || strings.Contains(got.out, "hush") || !strings.Contains(k.screen.String(), tellerWords) {
		t.Errorf("exit code %d\n%s\nthe screen shows\n%s", got.code, got.out, &k.screen)
	}
	k = &keyboard{secrets: []string{tellerPassword, "another"}}
	if got := atTeller(t, &teller{}, false, k, "", "wallet", "create", "main", "--chain", "dev"); got.code != exitUsage || !strings.Contains(got.err, "the two differ") {
		t.Errorf("exit code %d\n%s", got.code, got.err)
	}
	b, to = &teller{}, t.TempDir()+"/none"
	if got := atTeller(t, b, false, nil, "", "wallet", "backup", "--password-file", file(t, "wrong", []byte("x")), "--words-to", to); got.code != exitRefuted {
		t.Errorf("exit code %d", got.code)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("an empty file is left")
	}
}

// TestPrintWith: the field is added once, to whatever object.
func TestPrintWith(t *testing.T) {
	for _, c := range []struct{ v, want string }{{`{}`, `{"x":1}`}, {`{"a":{}}`, `{"a":{},"x":1}`}, {`{"x":2}`, `{"x":2}`}} {
		var out strings.Builder
		s := session{out: &out}
		if err := s.printWith(json.RawMessage(c.v), "x", 1); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(out.String()), ""); got != c.want {
			t.Errorf("%s: got %s, want %s", c.v, got, c.want)
		}
	}
}

package uri

import (
	"reflect"
	"strings"
	"testing"

	"github.com/layeredpow/lamina/internal/testchain"
)

const legacy = "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo"

// The examples of BIP21 and BIP321, and how each is refused or read.
func TestParse(t *testing.T) {
	p := testchain.Params(t, "bitcoin")
	for _, c := range []struct {
		text string
		want Request
		err  string
	}{
		{"bitcoin:" + legacy, Request{}, ""},
		{"BITCOIN:" + legacy + "?label=Luke-Jr", Request{Label: "Luke-Jr"}, ""},
		{"bitcoin:" + legacy + "?amount=20.3&label=Luke-Jr", Request{Amount: 2030000000, HasAmount: true, Label: "Luke-Jr"}, ""},
		{"bitcoin:" + legacy + "?amount=50&label=Luke-Jr&message=Donation%20for%20project%20xyz",
			Request{Amount: 5000000000, HasAmount: true, Label: "Luke-Jr", Message: "Donation for project xyz"}, ""},
		{"bitcoin:" + legacy + "?req-somethingyoudontunderstand=50&req-somethingelseyoudontget=999", Request{}, "is required by the URI"},
		{"bitcoin:" + legacy + "?somethingyoudontunderstand=50&somethingelseyoudontget=999",
			Request{Other: []Param{{"somethingyoudontunderstand", "50"}, {"somethingelseyoudontget", "999"}}}, ""},
		{"bitcoin:" + legacy + "?req-amount=1", Request{Amount: 100000000, HasAmount: true}, ""},
		{"bitcoin:" + legacy + "?amount=.00000001", Request{Amount: 1, HasAmount: true}, ""},
		{"bitcoin:" + legacy + "?amount=1+1", Request{}, "want digits"},
		{"bitcoin:" + legacy + "?amount=1e3", Request{}, "want digits"},
		{"bitcoin:" + legacy + "?amount=-1", Request{}, "want digits"},
		{"bitcoin:" + legacy + "?amount=", Request{}, "want digits"},
		{"bitcoin:" + legacy + "?amount=.", Request{}, "want digits"},
		{"bitcoin:" + legacy + "?amount=0.000000001", Request{}, "at most 8 after one point"},
		{"bitcoin:" + legacy + "?amount=21000001", Request{}, "more than there is of BTC"},
		{"bitcoin:" + legacy + "?amount=1&AMOUNT=2", Request{}, "stands there twice"},
		{"bitcoin:" + legacy + "?label=a%0Ab", Request{}, "without control characters"},
		{"bitcoin:" + legacy + "?label=%E2%80%AEevil", Request{}, "without control characters"},
		{"bitcoin:" + legacy + "?label=%f", Request{}, "ends within an escape"},
		{"bitcoin:" + legacy + "?label=%zz", Request{}, "want two hex digits"},
		{"bitcoin:" + legacy + "?label=%FF", Request{}, "without control characters"},
		{"bitcoin:", Request{}, "no address of bitcoin"},
		{"bitcoin:?bc=" + legacy, Request{}, ""},
		{"bitcoin:?lightning=lnbc1", Request{}, "no address of bitcoin"},
		{"litecoin:" + legacy, Request{}, "want the scheme bitcoin"},
		{legacy, Request{}, "want the scheme bitcoin"},
		{"bitcoin:1111", Request{}, `address "1111"`},
		{"bitcoin:" + strings.Repeat("a", MaxText), Request{}, "want at most 8192"},
	} {
		got, err := Parse(p, c.text)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%.80q: %v, want %q", c.text, err, c.err)
			}
			continue
		}
		if err != nil || len(got.Script) != 25 || got.Address != legacy {
			t.Errorf("%q: %+v %v", c.text, got, err)
			continue
		}
		c.want.Script, c.want.Address = got.Script, got.Address
		if !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%q: %+v, want %+v", c.text, *got, c.want)
		}
		if again, err := Parse(p, got.Format(p)); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%q: written as %q: %v", c.text, got.Format(p), err)
		}
	}
}

func TestBatch(t *testing.T) {
	p := testchain.Params(t, "bitcoin")
	good := "Address,Amount,Label\n" + legacy + ",0.5,\"rent, March\"\n\n " + legacy + " , 1\r\n"
	got, err := ParseBatch(p, strings.NewReader(good))
	if err != nil || len(got) != 2 || got[0].Amount != 50_000_000 || got[0].Label != "rent, March" || got[1].Address != legacy {
		t.Errorf("%+v %v", got, err)
	}
	for _, c := range []struct{ text, want string }{
		{"", "no payments"},
		{"address,amount", "no payments"},
		{good + legacy, "line 5: 1 fields"},
		{good + legacy + ",0", "line 5: amount 0"},
		{good + legacy + ",1e2", "line 5: amount"},
		{good + legacy + `,"1,5"`, "line 5: amount"},
		{good + "1abc,1", `line 5: address "1abc"`},
		{good + legacy + ",1,a\tb", "line 5: label"},
		{good + legacy + `,"1`, "batch: parse error on line 5"},
		{strings.Repeat(legacy+",1\n", MaxBatchRows+1), "line 3001: more than 3000 payments"},
		{strings.Repeat("\n", MaxBatch+1), "more than 1048576 bytes"},
	} {
		if _, err := ParseBatch(p, strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, want %q", c.text, err, c.want)
		}
	}
}

func FuzzParseBatch(f *testing.F) {
	p := testchain.Params(f, "bitcoin")
	f.Add("address,amount\n" + legacy + ",1,x\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseBatch(p, strings.NewReader(text))
		if err != nil {
			return
		}
		for _, pay := range got {
			if pay.Amount <= 0 || pay.Amount > p.Unit.MaxMoney || len(pay.Script) == 0 {
				t.Fatalf("%+v", pay)
			}
		}
	})
}

func TestSchemes(t *testing.T) {
	for name, want := range map[string]string{"bitcoin": "bitcoin", "bitcoin-signet": "bitcoin", "dogecoin": "dogecoin",
		"dev-native": "dev-native", "dev": "dev", "layer-signet": "layer-signet"} {
		if got := Scheme(testchain.Params(t, name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	p := testchain.Params(f, "bitcoin")
	f.Add("bitcoin:" + legacy + "?amount=50&label=Luke-Jr&message=Donation%20for%20project%20xyz&a=b&=")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(p, text)
		if err != nil {
			return
		}
		again, err := Parse(p, r.Format(p))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%q: written as %q: %+v %v, want %+v", text, r.Format(p), again, err, r)
		}
	})
}

package app

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/layeredpow/lamina/spv/said"
)

// TestSettleTypes: what goes over the wire comes back the same.
func TestSettleTypes(t *testing.T) {
	for _, v := range []any{Peg{}, Custody{}, DepositRequest{}, WithdrawalRequest{}, SettleDraft{}, Funding{}, Refund{}, Deposit{}, Withdrawal{},
		PayoutProof{}, Payout{}, Supply{}, SwapRequest{}, Asset{}, SwapOffer{}, SwapTake{}, SwapRestore{}, Swap{}} {
		in := reflect.New(reflect.TypeOf(v))
		fill(in.Elem(), 0)
		out := reflect.New(in.Type().Elem())
		roundTrip(t, in.Interface(), out.Interface())
		if typ := in.Type().Elem(); typ == reflect.TypeFor[SwapRequest]() || typ == reflect.TypeFor[SwapTake]() || typ == reflect.TypeFor[SwapRestore]() {
			continue // they hold a password, which does not travel by this
		}
		if !reflect.DeepEqual(in.Interface(), out.Interface()) {
			t.Errorf("%T: %+v, want %+v", v, out.Elem(), in.Elem())
		}
	}
}

func roundTrip(t *testing.T, in, out any) {
	t.Helper()
	text, err := json.Marshal(in)
	if err == nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		t.Fatalf("%T: %v: %s", in, err, text)
	}
}

// fill sets every field to something.
func fill(v reflect.Value, n int) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(1_700_000_000, 0).UTC()))
		return
	}
	if v.Type() == reflect.TypeFor[said.Sentence]() { // holds sentences
		v.Set(reflect.ValueOf(said.Of("%d blocks of %s", n, said.Of("something"))))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n+i)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n+1)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n+i)
		}
	case reflect.String:
		v.SetString("some text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(n) + 7)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(n%200) + 7)
	case reflect.Float64:
		v.SetFloat(0.25)
	default:
		panic("no value for " + v.Type().String())
	}
}

package wallet

import "testing"

// TestNothingIsNoCoin: an output to the wallet that is worth nothing, as a layer's miner gets them, does not count as a coin.
func TestNothingIsNoCoin(t *testing.T) {
	w := newWorld(t, "dev-native", 1)
	w.mine(w.pay(w.receive(0), 0, 5), w.pay(w.receive(0), 0))
	if b := w.c.Balance(); b.Coins != 1 || b.Confirmed != 5 {
		t.Errorf("%+v", b)
	}
}

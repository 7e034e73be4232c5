package risk_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/layeredpow/lamina/spv/risk"
)

// exactRisk is P(z) in rational arithmetic, by the textbook form that subtracts: 1 - sum over the honest side's z blocks of what
// the attacker has by then (negative binomial) times his chance not to catch up.
func exactRisk(z int, q *big.Rat) *big.Rat {
	one := big.NewRat(1, 1)
	p := new(big.Rat).Sub(one, q)
	odds := new(big.Rat).Quo(q, p)
	pz := ratPow(p, z)
	safe := new(big.Rat)
	qk := big.NewRat(1, 1)
	for k := range z {
		choose := new(big.Rat).SetInt(new(big.Int).Binomial(int64(z+k-1), int64(k)))
		term := new(big.Rat).Sub(one, ratPow(odds, z-k))
		term.Mul(term, choose).Mul(term, pz).Mul(term, qk)
		safe.Add(safe, term)
		qk.Mul(qk, q)
	}
	return new(big.Rat).Sub(one, safe)
}

func ratPow(x *big.Rat, n int) *big.Rat {
	e := big.NewInt(int64(n))
	return new(big.Rat).SetFrac(new(big.Int).Exp(x.Num(), e, nil), new(big.Int).Exp(x.Denom(), e, nil))
}

func closeTo(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if math.Abs(got-want) > relative*math.Abs(want) {
		t.Errorf("%s: got %.17g, want %.17g", what, got, want)
	}
}

func TestRiskIsExact(t *testing.T) {
	least := 1.0
	for _, q := range []float64{0.001, 0.05, 0.1, 0.25, 0.3125, 0.45, 0.49, 0.499} {
		for _, z := range []int{1, 2, 3, 6, 29, 30, 31, 32, 60, 120} {
			// What the race makes of q, exactly; the L1's q' is q/(1-q+q) in floating point.
			r := risk.OnL1(q)
			want, _ := exactRisk(z, new(big.Rat).SetFloat64(r.Effective())).Float64()
			if want < 1e-300 {
				continue
			}
			closeTo(t, "risk", r.Risk(z), want, 1e-10)
			least = min(least, want)
		}
	}
	if least > 1e-100 {
		t.Fatalf("the least risk compared is %g", least)
	}
}

// TestDesignFigures holds the figures of protocol.md section 9.
func TestDesignFigures(t *testing.T) {
	closeTo(t, "L1, 6 confirmations, 10%", risk.OnL1(0.1).Risk(6), 5.91e-4, 1e-3)
	never := [2]int{}
	table := map[float64][5][2]int{
		0.7: {{5, 10}, {8, 16}, {17, 36}, {24, 53}, {36, 78}},
		0.5: {{6, 12}, {10, 22}, {30, 66}, {54, 118}, {104, 228}},
		0.3: {{9, 18}, {21, 46}, {173, 381}, {1238, 2736}, never},
	}
	for p, row := range table {
		for i, q := range []float64{0.05, 0.10, 0.20, 0.25, 0.30} {
			r := risk.Race{Honest: p, Attacker: q, Delay: 3 * time.Second, Spacing: time.Minute}
			for j, limit := range []float64{1e-3, 1e-6} {
				z, ok := r.Confirmations(limit)
				if z != row[i][j] || ok != (row[i] != never) {
					t.Errorf("p %g, q %g, risk %g: %d %v, want %d", p, q, limit, z, ok, row[i][j])
				}
			}
		}
	}
}

func TestConfirmationsAreTheLeast(t *testing.T) {
	for _, q := range []float64{0.01, 0.1, 0.3, 0.4, 0.48} {
		for _, limit := range []float64{0.5, 1e-3, 1e-9, 1e-30} {
			r := risk.OnL1(q)
			z, ok := r.Confirmations(limit)
			if !ok || r.Risk(z) > limit || r.Risk(z-1) <= limit {
				t.Errorf("q %g, risk %g: %d (%v) gives %g, one less %g", q, limit, z, ok, r.Risk(z), r.Risk(z-1))
			}
		}
	}
}

func TestWait(t *testing.T) {
	for _, c := range []struct {
		p, q float64
		want [3]int
	}{{0.7, 0.05, [3]int{3, 5, 10}}, {0.7, risk.DefaultAttacker, [3]int{6, 36, 78}}, {0.9, 0.001, [3]int{2, 2, 3}}, {0.3, 0.3, [3]int{}}} {
		r := risk.Race{Honest: c.p, Attacker: c.q, Delay: 3 * time.Second, Spacing: time.Minute}
		for i, size := range []risk.Size{risk.Small, risk.Normal, risk.Large} {
			if z, ok := r.Wait(size); z != c.want[i] || ok != (z > 0) {
				t.Errorf("p %g, q %g, size %d: %d %v, want %d", c.p, c.q, size, z, ok, c.want[i])
			}
		}
	}
}

func TestNeverIsSaid(t *testing.T) {
	for name, r := range map[string]risk.Race{
		"majority":         {Honest: 0.3, Attacker: 0.3},
		"majority by loss": {Honest: 0.31, Attacker: 0.3, Delay: 6 * time.Second, Spacing: time.Minute},
		"nobody honest":    {Honest: 0, Attacker: 0.1},
		"no spacing":       {Honest: 0.5, Attacker: 0.1, Delay: time.Second},
		"not a number":     {Honest: math.NaN(), Attacker: 0.1},
		"nor this":         {Honest: 0.5, Attacker: math.NaN()},
		"more than all":    {Honest: 1.5, Attacker: 0.1},
		"less than none":   {Honest: 0.5, Attacker: -0.1},
		"nearly even":      risk.OnL1(0.4999),
	} {
		if z, ok := r.Confirmations(1e-6); ok {
			t.Errorf("%s: %d confirmations", name, z)
		}
		if name == "nearly even" {
			continue
		}
		if got := r.Risk(1000); got != 1 {
			t.Errorf("%s: risk %g", name, got)
		}
		if got := r.RiskOfWork(1000, 1000); got != 1 {
			t.Errorf("%s: risk of work %g", name, got)
		}
	}
	if _, ok := risk.OnL1(0.1).Confirmations(math.NaN()); ok {
		t.Error("a risk that is no number has a wait")
	}
}

// exactWork is P(z,w) by the form of the protocol, which subtracts, with 2,000 bits.
func exactWork(z int, w, q float64) float64 {
	const bits = 2000
	num := func(x float64) *big.Float { return new(big.Float).SetPrec(bits).SetFloat64(x) }
	p := new(big.Float).Sub(num(1), num(q))
	odds := new(big.Float).Quo(num(q), p)
	l := new(big.Float).Mul(num(w), odds)
	// e^-l from the Taylor series of e^l.
	exp, term := num(1), num(1)
	for k := 1; k < 3000; k++ {
		term.Mul(term, l).Quo(term, num(float64(k)))
		exp.Add(exp, term)
	}
	pk := new(big.Float).Quo(num(1), exp) // e^-l l^k/k!
	power := make([]*big.Float, z+1)
	power[0] = num(1)
	for i := 1; i <= z; i++ {
		power[i] = new(big.Float).Mul(power[i-1], odds)
	}
	rest := num(1)
	for k := range z {
		safe := new(big.Float).Sub(num(1), power[z-k])
		rest.Sub(rest, safe.Mul(safe, pk))
		pk.Mul(pk, l).Quo(pk, num(float64(k+1)))
	}
	f, _ := rest.Float64()
	return f
}

func TestRiskOfWorkIsExact(t *testing.T) {
	least := 1.0
	for _, q := range []float64{0.01, 0.1, 0.3, 0.45} {
		for _, z := range []int{1, 2, 6, 50, 200} {
			for _, factor := range []float64{0, 0.2, 1, 1.3, 3} {
				w := factor * float64(z)
				r := risk.OnL1(q)
				want := exactWork(z, w, r.Effective())
				if want < 1e-300 {
					continue
				}
				closeTo(t, "risk of work", r.RiskOfWork(z, w), want, 1e-10)
				least = min(least, want)
			}
		}
	}
	if least > 1e-100 {
		t.Fatalf("the least risk compared is %g", least)
	}
	if got := risk.OnL1(0.1).RiskOfWork(6, math.NaN()); got != 1 {
		t.Errorf("work that is no number: %g", got)
	}
}

// TestRiskByPlaying plays the race out, coin by coin.
func TestRiskByPlaying(t *testing.T) {
	const games, seed = 200_000, 42
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, c := range []struct {
		q float64
		z int
	}{{0.1, 2}, {0.3, 4}, {0.4, 6}, {0.25, 1}} {
		wins := 0
		for range games {
			honest, secret := 0, 0
			for honest < c.z {
				if rng.Float64() < c.q {
					secret++
				} else {
					honest++
				}
			}
			for secret < honest && honest-secret < 60 { // from 60 behind nobody comes back: (2/3)^60
				if rng.Float64() < c.q {
					secret++
				} else {
					honest++
				}
			}
			if secret >= honest {
				wins++
			}
		}
		want := risk.OnL1(c.q).Risk(c.z)
		sigma := math.Sqrt(want * (1 - want) / games)
		if got := float64(wins) / games; math.Abs(got-want) > 4*sigma {
			t.Errorf("seed %d, q %g, z %d: played %g, calculated %g", seed, c.q, c.z, got, want)
		}
	}
}

// TestRiskOfWorkByPlaying lets the attacker mine for as long as the honest side's work takes, and then race.
func TestRiskOfWorkByPlaying(t *testing.T) {
	const games, seed = 200_000, 43
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, c := range []struct {
		q, w float64
		z    int
	}{{0.2, 3, 2}, {0.3, 2, 4}, {0.1, 8, 3}} {
		odds := c.q / (1 - c.q)
		wins := 0
		for range games {
			behind := c.z
			for at := rng.ExpFloat64() / odds; at < c.w; at += rng.ExpFloat64() / odds {
				behind--
			}
			for behind > 0 && behind < 60 {
				if rng.Float64() < c.q {
					behind--
				} else {
					behind++
				}
			}
			if behind <= 0 {
				wins++
			}
		}
		want := risk.OnL1(c.q).RiskOfWork(c.z, c.w)
		sigma := math.Sqrt(want * (1 - want) / games)
		if got := float64(wins) / games; math.Abs(got-want) > 4*sigma {
			t.Errorf("seed %d, q %g, z %d, w %g: played %g, calculated %g", seed, c.q, c.z, c.w, got, want)
		}
	}
}

func TestCombined(t *testing.T) {
	if got := risk.Combined(1e-3, 2e-4); math.Abs(got-1.2e-3) > 1e-15 {
		t.Error(got)
	}
	for _, bad := range [][]float64{{0.7, 0.7}, {math.NaN()}, {0.1, -1}} {
		if got := risk.Combined(bad...); got != 1 {
			t.Errorf("%v: %g, want 1", bad, got)
		}
	}
}

func TestRewriteTime(t *testing.T) {
	r := risk.Race{Honest: 0.2, Attacker: 0.4, Spacing: time.Minute}
	if d, ok := r.RewriteTime(60); !ok || d != time.Hour { // two blocks a minute against one
		t.Errorf("%v %v, want 1h", d, ok)
	}
	if d, ok := (risk.Race{Honest: 0.4, Attacker: 0.2, Spacing: time.Minute}).RewriteTime(60); ok {
		t.Errorf("the weaker side needs %v", d)
	}
	if got := (risk.Race{Honest: 0.4, Delay: 0}).Majority(); got != 0.4 {
		t.Errorf("majority %g, want 0.4", got)
	}
}

// TestWilsonCoverage computes how often the bounds hold, exactly, from the binomial distribution.
func TestWilsonCoverage(t *testing.T) {
	for _, n := range []int{144, 2016} {
		for p := 0.05; p < 0.955; p += 0.01 {
			covered, above := 0.0, 0.0
			for k := range n + 1 {
				a, _ := math.Lgamma(float64(n + 1))
				b, _ := math.Lgamma(float64(k + 1))
				c, _ := math.Lgamma(float64(n - k + 1))
				mass := math.Exp(a - b - c + float64(k)*math.Log(p) + float64(n-k)*math.Log(1-p))
				low, high := risk.Wilson(float64(k), float64(n))
				if low <= p {
					above += mass
					if p <= high {
						covered += mass
					}
				}
			}
			if covered < 0.972 || above < 0.98 {
				t.Errorf("n %d, p %.2f: interval holds in %.4f, lower bound in %.4f", n, p, covered, above)
			}
		}
	}
	for _, c := range [][2]float64{{0, 0}, {1, 0}, {3, 2}, {-1, 2}, {math.NaN(), 5}, {1, math.NaN()}} {
		if low, high := risk.Wilson(c[0], c[1]); low != 0 || high != 1 {
			t.Errorf("%v: %g..%g, want nothing known", c, low, high)
		}
	}
}

func BenchmarkConfirmations(b *testing.B) {
	r := risk.Race{Honest: 0.3, Attacker: 0.25, Delay: 3 * time.Second, Spacing: time.Minute}
	for b.Loop() {
		r.Confirmations(1e-6)
	}
}

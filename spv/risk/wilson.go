package risk

import "math"

// boundSigmas is the width of the bounds: at 2.3 the exact coverage of Wilson's interval is at least 97.2% for every share from
// 0.05 to 0.95 over 144 blocks and over 2,016 (at the usual 1.96 it dips to 93.7%), so that 95% holds although blocks
// are lost on the way; the lower bound alone holds in 98%.
const boundSigmas = 2.3

// Wilson bounds an unknown share from how often it showed: successes of trials, which need not be whole where blocks
// differ in work. Without trials nothing is known: 0 and 1.
func Wilson(successes, trials float64) (low, high float64) {
	return wilson(successes, trials, boundSigmas)
}

func wilson(successes, trials, sigmas float64) (low, high float64) {
	if !(trials > 0) || !(successes >= 0 && successes <= trials) {
		return 0, 1
	}
	share, z2 := successes/trials, sigmas*sigmas
	centre := share + z2/(2*trials)
	radius := sigmas * math.Sqrt(share*(1-share)/trials+z2/(4*trials*trials))
	scale := 1 + z2/trials
	return max((centre-radius)/scale, 0), min((centre+radius)/scale, 1)
}

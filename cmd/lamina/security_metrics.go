package main

import (
	"context"
	"slices"

	"github.com/layeredpow/lamina/internal/app"
	"github.com/layeredpow/lamina/internal/rpc"
	"github.com/layeredpow/lamina/spv/risk"
)

// alarms returns the alarms that are on.
func (d *daemon) alarms() []app.ChainAlarm {
	list, err := d.backend.Alarms(context.Background())
	if err != nil {
		return nil
	}
	return list
}

// alarmMetric tells of every alarm on every chain whether it is on: who watches numbers must see them fall, too.
func alarmMetric(all []app.ChainState, on []app.ChainAlarm) rpc.Metric {
	m := rpc.Metric{Name: "lamina_alarms", Text: "1 while the alarm is on.", Kind: rpc.Gauge}
	for _, c := range all {
		for _, kind := range risk.Kinds() {
			n := 0.0
			if slices.ContainsFunc(on, func(a app.ChainAlarm) bool { return a.Chain == c.Name && a.Kind == kind }) {
				n = 1
			}
			m.Values = append(m.Values, rpc.Value{Labels: []string{"chain", c.Name, "kind", kind.String()}, Number: n})
		}
	}
	return m
}

// Package address turns what people write down into output scripts and back, for any
// chain whose parameters are given, and says of what kind a script is and how much it
// weighs to spend it.
//
// It knows no chain by name, keeps no registry of networks, holds no keys and decides
// nothing about money: a script that anybody could spend is named as such (Future), and
// whoever pays must ask before paying to it.
package address

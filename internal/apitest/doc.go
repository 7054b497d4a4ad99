// Package apitest has tests of the public packages' whole API at once: every exported
// function and method is called with what callers should not give it, and must
// return. A function or type that joins the API joins the tests, or they fail.
package apitest

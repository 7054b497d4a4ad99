// The words of PTX.
#pragma once
#include "base.h"
#include <vector>

struct Token {
	std::string text; // a word, a string or one character; empty at the end
	int line = 0;
	bool is(const char* s) const { return text == s; }
};

// Tokens reads a text without its comments and its line information.
class Tokens {
public:
	explicit Tokens(const std::string& text) : text(text) {}
	Token next();
	Token peek();

private:
	std::string text;
	size_t at = 0;
	int line = 1;
	void skip();
	void skipLine();
	Token word();
};

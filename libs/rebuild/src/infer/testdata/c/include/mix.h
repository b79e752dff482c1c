#pragma once
unsigned mix(unsigned state, unsigned value);

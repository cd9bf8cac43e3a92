#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same as raid56-full-stripes, with larger files.
# long: yes
WRITE_MIB=64 exec "${0%/*}/raid56-full-stripes.sh"

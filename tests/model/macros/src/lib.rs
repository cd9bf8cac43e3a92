// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's attributes that the cache's sources have.

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// Leaves the suite of KUnit out.
#[proc_macro_attribute]
pub fn kunit_tests(_suite: TokenStream, _module: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Leaves `#[pin]` out: nothing here is moved once it is shared.
#[proc_macro_attribute]
pub fn pin_data(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut tokens: Vec<_> = item.into_iter().collect();

    if let Some(TokenTree::Group(fields)) = tokens.pop() {
        tokens.push(Group::new(Delimiter::Brace, without_pin(fields.stream())).into());
    }
    tokens.into_iter().collect()
}

fn without_pin(fields: TokenStream) -> TokenStream {
    let mut kept: Vec<TokenTree> = Vec::new();

    for token in fields {
        match &token {
            TokenTree::Group(group) if group.stream().to_string() == "pin" => {
                kept.pop();
            }
            _ => kept.push(token),
        }
    }
    kept.into_iter().collect()
}

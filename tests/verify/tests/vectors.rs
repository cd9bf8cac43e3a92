// SPDX-License-Identifier: GPL-2.0-only

//! Published vectors for every mode, both ways.

use std::collections::BTreeSet;

use extent_verify::fscrypt::cipher::Cipher;
use extent_verify::fscrypt::policy::Mode;
use extent_verify::unhex;

#[test]
fn every_mode_agrees_with_its_published_vectors() {
    let mut tested = BTreeSet::new();
    for (nr, line) in include_str!("vectors.txt").lines().enumerate() {
        if line.starts_with('#') {
            continue;
        }
        let mut fields = line.split(' ');
        let name = fields.next().unwrap();
        let mode = Mode::ALL
            .into_iter()
            .find(|mode| format!("{mode:?}") == name)
            .unwrap();
        let [key, iv, plain, secret] = [(); 4].map(|()| unhex(fields.next().unwrap()).unwrap());
        let iv = iv.try_into().unwrap();
        let cipher = Cipher::new(mode, &key);

        let mut data = plain.clone();
        cipher.encrypt(&iv, &mut data).unwrap();
        assert_eq!(data, secret, "{mode:?} encrypts line {}", nr + 1);
        cipher.decrypt(&iv, &mut data).unwrap();
        assert_eq!(data, plain, "{mode:?} decrypts line {}", nr + 1);
        tested.insert(mode);
    }
    assert_eq!(tested, BTreeSet::from(Mode::ALL));
}

#[test]
fn short_data_is_an_error() {
    for mode in Mode::ALL {
        let cipher = Cipher::new(mode, &vec![1; mode.key_size()]);
        for len in 0..16 {
            assert!(cipher.decrypt(&[0; 32], &mut vec![0; len]).is_err());
        }
    }
}

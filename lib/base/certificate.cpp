// Reads certificates with OpenSSL's libcrypto.
#include "base/certificate.hpp"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <memory>

namespace pbx {

std::optional<std::chrono::sys_seconds> certificate_expiry(std::string_view pem) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> text{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                         &BIO_free};
    std::optional<std::chrono::sys_seconds> earliest;
    for (;;) {
        const std::unique_ptr<X509, decltype(&X509_free)> certificate{
            PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr), &X509_free};
        std::tm end{};
        if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1)
            return earliest;
        const std::chrono::sys_seconds expiry{std::chrono::seconds{::timegm(&end)}};
        earliest = std::min(earliest.value_or(expiry), expiry);
    }
}

} // namespace pbx

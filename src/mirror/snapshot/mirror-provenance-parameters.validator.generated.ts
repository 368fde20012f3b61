// Generated from manifests-schema/mirror-provenance-parameters.schema.json by `npm run generate`: edit the schema, not this file.
// @ts-nocheck: compiled by ajv; the one function that leaves this module has a type of its own

const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://stellaops.io/export-center/schemas/mirror-provenance-parameters/v1","title":"Mirror provenance parameters","$comment":"Code: src/mirror/snapshot","description":"The externalParameters of a mirror snapshot's SLSA provenance: what was asked for. The registries and what their tags led to are in resolvedDependencies.","type":"object","additionalProperties":false,"required":["stream","specDigest"],"properties":{"stream":{"description":"The name of the mirror.","$ref":"#/$defs/stream"},"specDigest":{"description":"Of the file with the mirror spec.","$ref":"#/$defs/digest"}},"$defs":{"digest":{"type":"string","pattern":"^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"},"stream":{"type":"string","pattern":"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"}}};
const schema32 = {"type":"string","pattern":"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"};
const schema33 = {"type":"string","pattern":"^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"};
const pattern4 = new RegExp("^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$", "u");
const pattern5 = new RegExp("^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$", "u");

function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate20.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.stream === undefined){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "stream"},message:"must have required property '"+"stream"+"'"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(data.specDigest === undefined){
const err1 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "specDigest"},message:"must have required property '"+"specDigest"+"'"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
for(const key0 in data){
if(!((key0 === "stream") || (key0 === "specDigest"))){
const err2 = {instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
if(data.stream !== undefined){
let data0 = data.stream;
if(typeof data0 === "string"){
if(!pattern4.test(data0)){
const err3 = {instancePath:instancePath+"/stream",schemaPath:"#/$defs/stream/pattern",keyword:"pattern",params:{pattern: "^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"},message:"must match pattern \""+"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$"+"\""};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
else {
const err4 = {instancePath:instancePath+"/stream",schemaPath:"#/$defs/stream/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data.specDigest !== undefined){
let data1 = data.specDigest;
if(typeof data1 === "string"){
if(!pattern5.test(data1)){
const err5 = {instancePath:instancePath+"/specDigest",schemaPath:"#/$defs/digest/pattern",keyword:"pattern",params:{pattern: "^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"},message:"must match pattern \""+"^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"+"\""};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
}
else {
const err6 = {instancePath:instancePath+"/specDigest",schemaPath:"#/$defs/digest/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
}
}
else {
const err7 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":true,"dynamicProps":false,"dynamicItems":false};

function countCodePoints(text) {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Where a value departs from the schema, as a JSON pointer (RFC 6901), and how; the first hundred of them. */
export function findFaults(value: unknown): { readonly pointer: string; readonly problem: string }[] {
  if (validate(value)) return [];
  return validate.errors.slice(0, 100).map((error) => {
    const member = error.params.additionalProperty ?? error.params.missingProperty ?? error.propertyName;
    const step = member === undefined ? '' : '/' + member.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
    const unknown = error.keyword === 'additionalProperties' ? 'is not known' : undefined;
    const missing = error.keyword === 'required' ? 'is missing' : undefined;
    return { pointer: error.instancePath + step, problem: unknown ?? missing ?? error.message };
  });
}
